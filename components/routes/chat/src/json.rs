//! JSON of events.

use serde::Serialize;

/// Strings and numbers: serialising cannot fail, and an empty object is better than a panic.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "{}".to_owned())
}
