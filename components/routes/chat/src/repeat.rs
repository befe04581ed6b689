//! Requests that may come again: `Idempotency-Key`
//! (draft-ietf-httpapi-idempotency-key-header).

use contracts::conversations::turns::RequestKey;
use http_edge::{ApiError, Head};
use serde::Serialize;

/// Longest key, in characters.
const LONGEST: usize = 255;

/// Names a request by the client's key, if it has one: `path` and `body` are what is asked. 400 for
/// a key that is none.
pub(crate) fn key(
    head: &Head,
    path: &str,
    body: &impl Serialize,
) -> Result<Option<RequestKey>, ApiError> {
    let Some(key) = field(head, "Idempotency-Key")? else {
        return Ok(None);
    };
    let is_good =
        (1..=LONGEST).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_good {
        let wrong = "must be 1 to 255 visible ASCII characters";
        return Err(ApiError::invalid("Idempotency-Key", wrong));
    }
    Ok(Some(RequestKey {
        key: key.to_owned(),
        request: format!("{path} {}", serde_json::to_string(body).unwrap_or_default()),
    }))
}

/// A header field's value. 400 if it is there and no text: what counts on it would go wrong silently.
fn field<'a>(head: &'a Head, name: &str) -> Result<Option<&'a str>, ApiError> {
    let found = head.header(name);
    let is_there = head
        .headers
        .iter()
        .any(|(given, _)| given.eq_ignore_ascii_case(name));
    if found.is_none() && is_there {
        return Err(ApiError::invalid(name, "is not valid UTF-8"));
    }
    Ok(found)
}

/// The number of the last event that the client has, if it has any; `of_query` counts where there
/// is no `Last-Event-ID`. 400 if it is none of ours.
pub(crate) fn last_event(head: &Head, of_query: Option<&str>) -> Result<Option<u64>, ApiError> {
    let (path, text) = match (field(head, "Last-Event-ID")?, of_query) {
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
    fn keys_are_visible_and_bounded() {
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
        // In Latin-1, as some clients write it: not taken for a request without a key.
        let latin = Head {
            headers: vec![("Idempotency-Key".into(), vec![0xe9])],
            ..Head::default()
        };
        assert!(key(&latin, "/x", &1).is_err());
    }

    #[test]
    fn the_header_counts_before_the_query() {
        let none = Head::default();
        assert_eq!(last_event(&none, None), Ok(None));
        assert_eq!(last_event(&none, Some("7")), Ok(Some(7)));
        assert_eq!(
            last_event(&head("last-event-id", "3"), Some("7")),
            Ok(Some(3))
        );
        assert_eq!(last_event(&head("last-event-id", ""), None), Ok(None));
        assert!(last_event(&none, Some("-1")).is_err());
        assert!(last_event(&head("last-event-id", "x"), None).is_err());
    }
}
