//! `application/x-www-form-urlencoded` (URL Standard, section 5): queries and forms.

use serde::de::DeserializeOwned;

use crate::{error::ApiError, json};

/// Parses `a=1&b=2`, with the same errors as for JSON.
pub(crate) fn from_text<T: DeserializeOwned>(text: &[u8]) -> Result<T, ApiError> {
    let reader = serde_urlencoded::Deserializer::new(form_urlencoded::parse(text));
    serde_path_to_error::deserialize(reader)
        .map_err(|error| json::invalid(&error.path().to_string(), &error.inner().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Page {
        search: Option<String>,
        limit: Option<u32>,
    }

    #[test]
    fn from_text_decodes_values_and_names_invalid_ones() {
        assert_eq!(
            from_text::<Page>(b"search=a%26+b&limit=5"),
            Ok(Page {
                search: Some("a& b".into()),
                limit: Some(5),
            })
        );
        assert_eq!(
            from_text::<Page>(b""),
            Ok(Page {
                search: None,
                limit: None
            })
        );
        for (text, path) in [
            ("limit=marker", "limit"),
            ("page=1", "page"),
            ("limit=1&limit=2", "limit"),
        ] {
            let error = from_text::<Page>(text.as_bytes()).unwrap_err();
            assert!(
                matches!(&error, ApiError::Validation(wrong) if wrong[0].path == path),
                "{text}: {error:?}"
            );
            assert!(!format!("{error:?}").contains("marker"), "{error:?}");
        }
        for text in ["limit=", "limit=-1", "limit=99999999999", "limit=x"] {
            assert_eq!(
                from_text::<Page>(text.as_bytes()),
                Err(ApiError::invalid(
                    "limit",
                    "must be a whole number that is not negative"
                )),
                "{text}"
            );
        }
    }
}
