//! Parses JSON bodies and reports errors by their path.

use serde::de::{DeserializeOwned, IgnoredAny};

use crate::error::ApiError;

const NOT_JSON: &str = "is not valid JSON";

/// Parses a JSON object. Unknown fields, of types that deny them, are reported by their path.
pub(crate) fn from_slice<T: DeserializeOwned>(text: &[u8]) -> Result<T, ApiError> {
    // serde would take an array for a struct, its elements for the fields.
    if text.trim_ascii_start().first() != Some(&b'{') {
        return Err(ApiError::invalid("body", "must be a JSON object"));
    }
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        // Serde reports a number in place of an enum as a syntax error too, so that its category
        // does not tell whether this is JSON.
        if serde_json::from_slice::<IgnoredAny>(text).is_err() {
            return ApiError::invalid("body", NOT_JSON);
        }
        invalid(&error.path().to_string(), &error.inner().to_string())
    })?;
    reader
        .end()
        .map_err(|_| ApiError::invalid("body", NOT_JSON))?;
    Ok(value)
}

/// An error for the place and the kind that serde reports. Serde's own text is not used: it quotes
/// the input, which may be a secret that was sent by mistake.
pub(crate) fn invalid(path: &str, text: &str) -> ApiError {
    let mut path = path.trim_end_matches(".?").to_owned();
    if path == "." || path == "?" {
        path.clear();
    }
    if let Some(field) = quoted_after(text, "unknown field `") {
        let path = join(&path, field);
        let message = format!("Unknown field \"{path}\".");
        return ApiError::invalid(path, message);
    }
    for (start, message) in [
        ("missing field `", "is missing"),
        ("duplicate field `", "is duplicated"),
    ] {
        if let Some(field) = quoted_after(text, start) {
            return ApiError::invalid(join(&path, field), message);
        }
    }
    if path.is_empty() {
        path.push_str("body");
    }
    ApiError::invalid(path, expectation(text))
}

/// The end of `invalid type: <what was sent>, expected <what should be> at line 1 column 2`.
fn expectation(text: &str) -> String {
    let expected = text
        .rsplit_once(", expected ")
        .and_then(|(_, rest)| rest.split(" at line ").next());
    match expected {
        // Texts of the parsers of numbers and booleans, for forms and queries.
        None if text.contains("digit") || text.contains("number") || text.contains("integer") => {
            "must be a whole number that is not negative".to_owned()
        }
        None if text.contains("`true` or `false`") => "must be true or false".to_owned(),
        None => "is invalid".to_owned(),
        Some("f64" | "f32") => "must be a number".to_owned(),
        Some("u8" | "u16" | "u32" | "u64") => {
            "must be a whole number that is not negative".to_owned()
        }
        Some(other) => format!("must be {other}"),
    }
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
    #[serde(rename_all = "lowercase")]
    enum Colour {
        Orange,
        Gold,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[allow(dead_code)]
        colour: Option<Colour>,
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
    fn from_slice_with_an_error_returns_its_path() {
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
        assert_eq!(path_of(r#"{"name": "a", "colour": "blue"}"#), "colour");
        assert_eq!(path_of(r#"{"name": "a", "colour": 1}"#), "colour");
        assert_eq!(path_of(r#"{"name": "a", "colour": nope}"#), "body");
        assert_eq!(path_of("[]"), "body");
        assert_eq!(path_of(""), "body");
        assert_eq!(path_of(r#"{"name": "a"} trailing"#), "body");
        assert!(from_slice::<Outer>(br#"{"name": "a"}"#).is_ok());
        assert_eq!(
            from_slice::<Outer>(br#"{"name": "a", "mesage": 1}"#).unwrap_err(),
            ApiError::invalid("mesage", "Unknown field \"mesage\".")
        );
    }

    #[test]
    fn from_slice_with_an_error_does_not_quote_the_input() {
        for text in [
            r#"{"name": ["marker"]}"#,
            r#"{"name": "marker"#,
            r#"{"name": "a", "items": [{"size": "marker, expected marker"}]}"#,
            r#"{"name": "a", "items": "marker"}"#,
            r#"marker"#,
            r#"["marker"]"#,
        ] {
            let error = from_slice::<Outer>(text.as_bytes()).unwrap_err();
            assert!(!format!("{error:?}").contains("marker"), "{error:?}");
        }
        assert_eq!(
            from_slice::<Outer>(br#"{"name": 1}"#).unwrap_err(),
            ApiError::invalid("name", "must be a string")
        );
    }

    #[test]
    fn from_slice_of_invalid_utf8_or_deep_nesting_is_an_error() {
        assert!(from_slice::<Outer>(b"{\"name\": \"\xff\"}").is_err());
        let deep = "[".repeat(100_000);
        assert!(from_slice::<serde_json::Value>(deep.as_bytes()).is_err());
    }
}
