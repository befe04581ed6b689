//! JSON in, with the place of what is wrong in it; JSON out.

use serde::{Serialize, de::DeserializeOwned};

use crate::error::{ApiError, Detail};

/// Reads a JSON text. Types that deny unknown fields have these reported by their path too.
pub(crate) fn from_slice<T: DeserializeOwned>(text: &[u8]) -> Result<T, ApiError> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| invalid(&error.path().to_string(), &error.inner().to_string()))?;
    reader
        .end()
        .map_err(|error| invalid(".", &error.to_string()))?;
    Ok(value)
}

/// serde_json adds ` at line 1 column 2`, which says less than the path, and calls the top `.`.
fn invalid(path: &str, text: &str) -> ApiError {
    let text = text.split(" at line ").next().unwrap_or(text);
    let mut path = path.trim_end_matches(".?").to_owned();
    if path == "." || path == "?" {
        path.clear();
    }
    if let Some(field) = quoted_after(text, "unknown field `") {
        return detail(join(&path, field), "is not known here".to_owned());
    }
    if let Some(field) = quoted_after(text, "missing field `") {
        return detail(join(&path, field), "is missing".to_owned());
    }
    if path.is_empty() {
        path.push_str("body");
    }
    detail(path, format!("is not as expected: {text}"))
}

fn quoted_after<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    text.strip_prefix(start)?.split('`').next()
}

fn join(path: &str, field: &str) -> String {
    match path {
        "" => field.to_owned(),
        // The path of an unknown field ends with that field.
        _ if path == field || path.ends_with(&format!(".{field}")) => path.to_owned(),
        _ => format!("{path}.{field}"),
    }
}

fn detail(path: String, message: String) -> ApiError {
    ApiError::Validation(vec![Detail { path, message }])
}

/// Writes JSON. What we serialise has string keys and finite numbers, so that this cannot fail; if
/// it did, an empty object would be sent rather than a panic risked.
pub(crate) fn to_vec(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_else(|_| b"{}".to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[allow(dead_code)]
        size: u8,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[allow(dead_code)]
        name: String,
        #[serde(default)]
        #[allow(dead_code)]
        items: Vec<Inner>,
    }

    fn path_of(text: &str) -> String {
        match from_slice::<Outer>(text.as_bytes()) {
            Err(ApiError::Validation(details)) => details[0].path.clone(),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn paths_name_the_place() {
        assert_eq!(path_of(r#"{"name": 3}"#), "name");
        assert_eq!(path_of("{}"), "name");
        assert_eq!(
            path_of(r#"{"name": "a", "items": [{"size": 1}, {"size": 999}]}"#),
            "items[1].size"
        );
        assert_eq!(path_of(r#"{"name": "a", "extra": 1}"#), "extra");
        assert_eq!(
            path_of(r#"{"name": "a", "items": [{"size": 1, "colour": 2}]}"#),
            "items[0].colour"
        );
        assert_eq!(path_of(r#"{"name": "a", "items": [{}]}"#), "items[0].size");
        assert_eq!(path_of("[]"), "body");
        assert_eq!(path_of(""), "body");
        assert_eq!(path_of(r#"{"name": "a"} trailing"#), "body");
        assert!(from_slice::<Outer>(br#"{"name": "a"}"#).is_ok());
    }

    #[test]
    fn not_utf8_is_not_a_panic() {
        assert!(from_slice::<Outer>(b"{\"name\": \"\xff\"}").is_err());
        let deep = "[".repeat(100_000);
        assert!(from_slice::<serde_json::Value>(deep.as_bytes()).is_err());
    }
}
