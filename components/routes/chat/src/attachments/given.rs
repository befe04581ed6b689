//! Attachments as clients send them.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use file_transfer::file_of_url;
use http_edge::{ApiError, Validator, parse_uuid};
use percent_encoding::percent_decode_str;
use uuid::Uuid;

/// Most attachments of a message.
pub(crate) const MAX_ATTACHMENTS: usize = 10;

/// What is wrong with another URL.
const URL: &str = "must be the id of a file, the URL of its content, or a data URL";

/// Base64 with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A file that a client attaches.
#[derive(Debug)]
pub(crate) struct Given {
    /// The part of the request, for errors.
    pub(crate) path: String,
    pub(crate) source: Source,
}

#[derive(Debug)]
pub(crate) enum Source {
    /// The id of a stored file.
    File(String),
    Data(Data),
}

/// The content of a file, with what the client says about it.
#[derive(Debug)]
pub(crate) struct Data {
    pub(crate) name: Option<String>,
    pub(crate) media_type: Option<String>,
    pub(crate) bytes: Vec<u8>,
}

impl Given {
    /// The files with these ids. Errors are collected with those that `check` has already.
    pub(crate) fn of_ids(path: &str, ids: Vec<String>, check: &mut Validator) -> Vec<Self> {
        check.require(ids.len() <= MAX_ATTACHMENTS, path, "must be at most 10");
        let numbered = ids.into_iter().take(MAX_ATTACHMENTS).enumerate();
        let given = numbered.filter_map(|(at, id)| {
            let path = format!("{path}[{at}]");
            let parsed = parse_uuid(&id);
            check.require(parsed.is_some(), &path, "must be the id of a file");
            let source = Source::File(parsed?);
            Some(Self { path, source })
        });
        given.collect()
    }

    /// A file part of the AI SDK. Its URL is one of a stored file, or has the data.
    ///
    /// # Errors
    /// 400 for another URL.
    pub(crate) fn of_url(
        path: String,
        url: &str,
        media_type: Option<String>,
        name: Option<String>,
    ) -> Result<Self, ApiError> {
        let source = match url.split_at_checked(5) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("data:") => {
                let (own_type, bytes) = data_of(rest).ok_or_else(|| {
                    ApiError::invalid(format!("{path}.url"), "is no valid data URL")
                })?;
                let media_type = media_type.or(own_type);
                Source::Data(Data {
                    name,
                    media_type,
                    bytes,
                })
            }
            _ => {
                let id = parse_uuid(url).or_else(|| file_of_url(url));
                Source::File(id.ok_or_else(|| ApiError::invalid(format!("{path}.url"), URL))?)
            }
        };
        Ok(Self { path, source })
    }

    /// Equal for equal files: the id, or a hash of the content.
    pub(crate) fn identity(&self) -> String {
        match &self.source {
            Source::File(id) => id.clone(),
            Source::Data(data) => Uuid::new_v5(&Uuid::NAMESPACE_OID, &data.bytes).to_string(),
        }
    }
}

/// The media type and the bytes of a data URL (RFC 2397), after `data:`.
fn data_of(rest: &str) -> Option<(Option<String>, Vec<u8>)> {
    let (head, data) = rest.split_once(',')?;
    let (media_type, is_base64) = match head.rsplit_once(';') {
        Some((media_type, "base64")) => (media_type, true),
        _ => (head, false),
    };
    let bytes = if is_base64 {
        BASE64.decode(data).ok()?
    } else {
        percent_decode_str(data).collect()
    };
    let media_type = Some(media_type.to_owned()).filter(|media_type| !media_type.is_empty());
    Some((media_type, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0191f6c2-8a3e-7c44-9b1d-2f6f0c0f7a11";

    fn data(url: &str) -> Option<(Option<String>, Vec<u8>)> {
        match Given::of_url("parts[0]".to_owned(), url, None, None)
            .ok()?
            .source
        {
            Source::Data(data) => Some((data.media_type, data.bytes)),
            Source::File(_) => None,
        }
    }

    #[test]
    fn of_url_takes_data_and_files() {
        let typed =
            |media_type: &str, bytes: &[u8]| Some((Some(media_type.to_owned()), bytes.to_vec()));
        assert_eq!(
            data("data:text/plain;base64,SGk="),
            typed("text/plain", b"Hi")
        );
        assert_eq!(
            data("DATA:text/plain;base64,SGk"),
            typed("text/plain", b"Hi")
        );
        let with_charset = typed("text/plain;charset=utf-8", "ä ".as_bytes());
        assert_eq!(
            data("data:text/plain;charset=utf-8,%C3%A4%20"),
            with_charset
        );
        assert_eq!(data("data:,x"), Some((None, b"x".to_vec())));
        for file in [
            ID.to_owned(),
            format!("https://chat.example/api/v1/files/{ID}/content"),
        ] {
            let given = Given::of_url("p".to_owned(), &file, None, None).unwrap();
            assert!(
                matches!(given.source, Source::File(id) if id == ID),
                "{file}"
            );
        }
        for wrong in [
            "",
            "data:",
            "data:image/png;base64,§",
            "https://elsewhere.example/a.png",
            "ä",
            "blob:x",
        ] {
            assert!(
                Given::of_url("p".to_owned(), wrong, None, None).is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn of_ids_are_at_most_ten_uuids() {
        let wrong = |ids: Vec<String>| {
            let mut check = Validator::new();
            Given::of_ids("attachments", ids, &mut check);
            match check.finish() {
                Err(ApiError::Validation(details)) => details.into_iter().map(|d| d.path).collect(),
                _ => Vec::new(),
            }
        };
        assert_eq!(wrong(vec![ID.to_owned(); 10]), [""; 0]);
        assert_eq!(wrong(vec![ID.to_owned(); 11]), ["attachments"]);
        assert_eq!(
            wrong(vec![ID.to_owned(), "x".to_owned()]),
            ["attachments[1]"]
        );
    }

    #[test]
    fn identity_is_that_of_the_content() {
        let of = |url: &str| {
            Given::of_url(String::new(), url, None, None)
                .unwrap()
                .identity()
        };
        assert_eq!(of("data:text/plain;base64,SGk="), of("data:,Hi"));
        assert_ne!(of("data:,Hi"), of("data:,Ho"));
        assert_eq!(of(ID), ID);
    }
}
