//! The XML of lists.

use instant_xml::FromXml;
use jiff::Timestamp;
use rusty_s3::actions::ListObjectsV2;

const S3: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// Objects of a list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Listing {
    /// Keys and sizes, in the order of the keys.
    pub(crate) objects: Vec<(String, u64)>,
    /// The token that continues the list in the next request.
    pub(crate) next: Option<String>,
}

/// An upload in parts that is not complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unfinished {
    pub(crate) key: String,
    pub(crate) upload_id: String,
    /// Seconds since the epoch; none if the store does not send it.
    pub(crate) since: Option<i64>,
}

#[derive(FromXml)]
#[xml(rename = "ListMultipartUploadsResult", ns(S3))]
struct Uploads {
    uploads: Vec<Upload>,
}

#[derive(FromXml)]
#[xml(rename = "Upload", ns(S3))]
struct Upload {
    #[xml(rename = "Key")]
    key: String,
    #[xml(rename = "UploadId")]
    upload_id: String,
    #[xml(rename = "Initiated")]
    initiated: Option<String>,
}

/// The response of `ListObjectsV2`; none if it is not understood.
pub(crate) fn objects(xml: &str) -> Option<Listing> {
    let parsed = ListObjectsV2::parse_response(xml).ok()?;
    let objects = parsed.contents.into_iter();
    Some(Listing {
        objects: objects
            .map(|object| (object.key, object.size.unwrap_or_default()))
            .collect(),
        next: parsed.next_continuation_token,
    })
}

/// The response of `ListMultipartUploads`; none if it is not understood.
pub(crate) fn unfinished(xml: &str) -> Option<Vec<Unfinished>> {
    let parsed: Uploads = instant_xml::from_str(xml).ok()?;
    let uploads = parsed.uploads.into_iter();
    let unfinished = uploads.map(|upload| Unfinished {
        since: upload
            .initiated
            .and_then(|text| text.parse::<Timestamp>().ok())
            .map(Timestamp::as_second),
        key: upload.key,
        upload_id: upload.upload_id,
    });
    Some(unfinished.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_of_a_page_have_keys_sizes_and_the_next_token() {
        let xml = r#"<?xml version="1.0" encoding="UTF-8"?>
            <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
              <Name>goldfish</Name><Prefix>files/ada/</Prefix><KeyCount>1</KeyCount>
              <MaxKeys>1</MaxKeys><IsTruncated>true</IsTruncated>
              <NextContinuationToken>token</NextContinuationToken>
              <Contents><Key>files/ada/1</Key><Size>7</Size><ETag>"a"</ETag></Contents>
            </ListBucketResult>"#;
        let listing = Listing {
            objects: vec![("files/ada/1".to_owned(), 7)],
            next: Some("token".to_owned()),
        };
        assert_eq!(objects(xml), Some(listing));
        assert_eq!(objects("<Error/>"), None);
    }

    #[test]
    fn unfinished_has_the_time_if_there_is_one() {
        let xml = r#"<?xml version="1.0" encoding="UTF-8"?>
            <ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
              <Bucket>goldfish</Bucket><MaxUploads>1000</MaxUploads><IsTruncated>false</IsTruncated>
              <Upload><Key>files/ada/1</Key><UploadId>u1</UploadId>
                <Initiated>2010-11-10T20:48:33.000Z</Initiated><StorageClass>STANDARD</StorageClass></Upload>
              <Upload><Key>files/ada/2</Key><UploadId>u2</UploadId></Upload>
            </ListMultipartUploadsResult>"#;
        let uploads = unfinished(xml).unwrap();
        assert_eq!(uploads.len(), 2);
        assert_eq!(uploads[0].since, Some(1_289_422_113));
        assert_eq!(
            (uploads[1].key.as_str(), uploads[1].since),
            ("files/ada/2", None)
        );
        assert_eq!(unfinished("text"), None);
    }
}
