//! Requests, signed.

use jiff::Timestamp;
use rusty_s3::signing::sign;
use rusty_s3::{Bucket, Credentials, Method};
use url::Url;

use crate::settings::Settings;

/// How long a signature of a request that is sent at once is valid, in seconds: the longest that a part may
/// take, and clocks that differ.
const VALID: u64 = 3600;

/// A request without its body.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Settings {
    /// A request about an object, or about the bucket if the key is empty. Query and headers must be in
    /// alphabetical order.
    pub(crate) fn request(
        &self,
        method: Method,
        key: &str,
        query: &[(&str, &str)],
        headers: Vec<(&'static str, String)>,
    ) -> Request {
        let url = signed(
            &self.bucket,
            &self.credentials,
            method,
            key,
            query,
            &headers,
            VALID,
        );
        Request {
            method,
            url,
            headers,
        }
    }

    /// The URL at which clients can download an object for so many seconds, if they reach the bucket.
    pub(crate) fn public_url(&self, key: &str, seconds: u64) -> Option<Url> {
        let bucket = self.public.as_ref()?;
        // Where the object would be shown as a page, it would be one of the bucket's own origin.
        let query = [("response-content-disposition", "attachment")];
        let url = signed(
            bucket,
            &self.credentials,
            Method::Get,
            key,
            &query,
            &[],
            seconds,
        );
        Some(url)
    }
}

fn signed(
    bucket: &Bucket,
    credentials: &Credentials,
    method: Method,
    key: &str,
    query: &[(&str, &str)],
    headers: &[(&'static str, String)],
    seconds: u64,
) -> Url {
    let url = match key {
        "" => bucket.base_url().clone(),
        key => bucket.object_url(key),
    };
    sign(
        &Timestamp::now(),
        method,
        url,
        credentials.key(),
        credentials.secret(),
        credentials.token(),
        bucket.region(),
        seconds,
        query.iter().copied(),
        headers.iter().map(|(name, value)| (*name, value.as_str())),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::example;

    #[test]
    fn request_signs_its_header_fields_and_query() {
        let settings = example();
        let headers = vec![("x-amz-meta-name", "a".to_owned())];
        let request = settings.request(Method::Put, "files/ada/1", &[("partNumber", "1")], headers);
        assert_eq!(request.url.path(), "/goldfish/files/ada/1");
        let query = request.url.query().unwrap();
        assert!(query.contains("X-Amz-SignedHeaders=host%3Bx-amz-meta-name"));
        assert!(query.contains("partNumber=1") && query.contains("X-Amz-Signature="));
        assert!(!query.contains("secret"));
    }

    #[test]
    fn public_url_leads_to_the_public_origin() {
        let url = example().public_url("files/ada/1", 60).unwrap();
        assert_eq!(url.host_str(), Some("files.example.com"));
        assert!(url.query().unwrap().contains("X-Amz-Expires=60"));
    }
}
