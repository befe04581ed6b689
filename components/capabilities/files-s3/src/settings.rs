//! The variables.

use rusty_s3::{Bucket, Credentials, UrlStyle};
use url::Url;

/// Where the bucket is, and the key for it.
pub(crate) struct Settings {
    pub(crate) bucket: Bucket,
    /// The bucket as clients reach it, if they do.
    pub(crate) public: Option<Bucket>,
    pub(crate) credentials: Credentials,
}

/// Text of the variables.
#[derive(Default)]
pub(crate) struct Values {
    pub(crate) endpoint: String,
    pub(crate) region: String,
    pub(crate) bucket: String,
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) public_url: String,
}

impl Settings {
    /// The settings, or a text for the log that says which variable is wrong.
    pub(crate) fn parse(values: &Values) -> Result<Self, String> {
        for (name, value) in [
            ("s3_endpoint", &values.endpoint),
            ("s3_bucket", &values.bucket),
            ("s3_access_key_id", &values.access_key_id),
            ("s3_secret_access_key", &values.secret_access_key),
        ] {
            if value.trim().is_empty() {
                return Err(format!("the variable {name} is not set"));
            }
        }
        let bucket = |name: &str, url: &str| {
            let url = Url::parse(url.trim()).map_err(|_| format!("{name} is not a URL"))?;
            let bucket = values.bucket.trim().to_owned();
            let region = values.region.trim().to_owned();
            // The name of the bucket in the path works everywhere, also where it has no host of its own.
            Bucket::new(url, UrlStyle::Path, bucket, region)
                .map_err(|_| format!("{name} is not an HTTP URL"))
        };
        let public = match values.public_url.trim() {
            "" => None,
            url => Some(bucket("s3_public_url", url)?),
        };
        Ok(Self {
            bucket: bucket("s3_endpoint", &values.endpoint)?,
            public,
            credentials: Credentials::new(
                values.access_key_id.trim(),
                values.secret_access_key.trim(),
            ),
        })
    }
}

#[cfg(test)]
pub(crate) fn example() -> Settings {
    Settings::parse(&Values {
        endpoint: "http://minio:9000/".to_owned(),
        region: "us-east-1".to_owned(),
        bucket: "goldfish".to_owned(),
        access_key_id: "id".to_owned(),
        secret_access_key: "secret".to_owned(),
        public_url: "https://files.example.com".to_owned(),
    })
    .unwrap_or_else(|error| panic!("{error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_without_a_variable_names_it() {
        let error = Settings::parse(&Values::default()).err();
        assert_eq!(
            error.as_deref(),
            Some("the variable s3_endpoint is not set")
        );
        let values = Values {
            endpoint: "minio:9000".to_owned(),
            bucket: "b".to_owned(),
            access_key_id: "a".to_owned(),
            secret_access_key: "s".to_owned(),
            ..Values::default()
        };
        let error = Settings::parse(&values).err();
        assert_eq!(error.as_deref(), Some("s3_endpoint is not an HTTP URL"));
    }

    #[test]
    fn parse_has_the_bucket_in_the_path() {
        let settings = example();
        assert_eq!(
            settings.bucket.base_url().as_str(),
            "http://minio:9000/goldfish/"
        );
        let public = settings.public.unwrap();
        assert_eq!(
            public.base_url().as_str(),
            "https://files.example.com/goldfish/"
        );
    }
}
