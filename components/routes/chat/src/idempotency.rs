//! Headers of requests that a client repeats: `Idempotency-Key`
//! (draft-ietf-httpapi-idempotency-key-header) and `Last-Event-ID`.

use contracts::conversations::turns::IdempotencyKey;
use http_edge::{ApiError, Head};
use serde::Serialize;

/// Longest key, in characters.
const MAX_KEY: usize = 255;

/// The client's key, if it sent one. `path` and `body` are the content of the request. 400 for an
/// invalid key.
pub(crate) fn key(
    head: &Head,
    path: &str,
    body: &impl Serialize,
) -> Result<Option<IdempotencyKey>, ApiError> {
    let Some(key) = field(head, "Idempotency-Key")? else {
        return Ok(None);
    };
    named("Idempotency-Key", key, path, body).map(Some)
}

/// The key of a request with this path and body. 400 that names `field` for an invalid key.
pub(crate) fn named(
    field: &str,
    key: &str,
    path: &str,
    body: &impl Serialize,
) -> Result<IdempotencyKey, ApiError> {
    let is_valid =
        (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_valid {
        let message = "must be 1 to 255 visible ASCII characters";
        return Err(ApiError::invalid(field, message));
    }
    Ok(IdempotencyKey {
        key: key.to_owned(),
        request: format!("{path} {}", serde_json::to_string(body).unwrap_or_default()),
    })
}

/// A header's value. 400 if it is not text: ignoring it would store a message twice, or repeat
/// events.
fn field<'a>(head: &'a Head, name: &str) -> Result<Option<&'a str>, ApiError> {
    let value = head.header(name);
    let is_present = head
        .headers
        .iter()
        .any(|(given, _)| given.eq_ignore_ascii_case(name));
    if value.is_none() && is_present {
        return Err(ApiError::invalid(name, "is not valid UTF-8"));
    }
    Ok(value)
}

/// The number of the last event that the client has, if it has any: from `Last-Event-ID`, else from
/// the query. 400 if it is not an event's number.
pub(crate) fn last_event_id(head: &Head, query: Option<&str>) -> Result<Option<u64>, ApiError> {
    let (path, text) = match (field(head, "Last-Event-ID")?, query) {
        (Some(text), _) => ("Last-Event-ID", text),
        (None, Some(text)) => ("lastEventId", text),
        (None, None) => return Ok(None),
    };
    if text.is_empty() {
        return Ok(None);
    }
    let number = text
        .parse()
        .map_err(|_| ApiError::invalid(path, "must be the id of an event"))?;
    Ok(Some(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(name: &str, value: &str) -> Head {
        Head {
            headers: vec![(name.into(), value.into())],
            ..Head::default()
        }
    }

    #[test]
    fn key_must_be_visible_ascii_of_limited_length() {
        let of = |value: &str| key(&head("Idempotency-Key", value), "/x", &1);
        assert!(matches!(key(&Head::default(), "/x", &1), Ok(None)));
        let found = of("\"8e03978e-40d5\"").unwrap().unwrap();
        assert_eq!(
            (found.key.as_str(), found.request.as_str()),
            ("\"8e03978e-40d5\"", "/x 1")
        );
        assert!(of(&"k".repeat(255)).is_ok());
        for wrong in ["", "a b", "é", &"k".repeat(256)] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
        // Latin-1, as some clients write it: not the same as a request without a key.
        let latin = Head {
            headers: vec![("Idempotency-Key".into(), vec![0xe9])],
            ..Head::default()
        };
        assert!(key(&latin, "/x", &1).is_err());
    }

    #[test]
    fn last_event_id_header_wins_over_the_query() {
        let none = Head::default();
        assert_eq!(last_event_id(&none, None), Ok(None));
        assert_eq!(last_event_id(&none, Some("7")), Ok(Some(7)));
        assert_eq!(
            last_event_id(&head("last-event-id", "3"), Some("7")),
            Ok(Some(3))
        );
        assert_eq!(last_event_id(&head("last-event-id", ""), None), Ok(None));
        assert!(last_event_id(&none, Some("-1")).is_err());
        assert!(last_event_id(&head("last-event-id", "x"), None).is_err());
    }
}
