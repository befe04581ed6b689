//! Fields that a request can leave as they are (absent), clear (`null`) or set.

use contracts::messaging::types::TextChange;
use serde::{Deserialize, Deserializer};

/// Tells `null` from an absent field; to be used with `#[serde(default)]`.
///
/// # Errors
/// Those of the value.
pub fn nullable<'de, T, D>(value: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(value).map(Some)
}

/// The change that such a field stands for.
pub fn text_change(field: Option<Option<String>>) -> TextChange {
    match field {
        None => TextChange::Keep,
        Some(None) => TextChange::Clear,
        Some(Some(text)) => TextChange::Set(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Changes {
        #[serde(default, deserialize_with = "nullable")]
        bio: Option<Option<String>>,
    }

    #[test]
    fn text_change_tells_null_from_absent() {
        let change = |body: &str| {
            let changes: Changes = serde_json::from_str(body).unwrap();
            text_change(changes.bio)
        };
        assert!(matches!(change("{}"), TextChange::Keep));
        assert!(matches!(change(r#"{"bio": null}"#), TextChange::Clear));
        assert!(matches!(change(r#"{"bio": "x"}"#), TextChange::Set(text) if text == "x"));
        assert!(serde_json::from_str::<Changes>(r#"{"bio": 1}"#).is_err());
    }
}
