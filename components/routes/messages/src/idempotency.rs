//! The name that a client gives a message, by which a repeated request is recognised: `clientId` in the
//! body, or `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header).

use http_edge::{ApiError, Head};

/// Longest key, in characters.
const MAX_KEY: usize = 255;
/// Longest name that is stored as it is.
const MAX_STORED: usize = 128;

/// The client's name for the message, if there is one. 400 if the header is invalid, or is not what the
/// body says.
pub(crate) fn client_id(head: &Head, of_body: Option<String>) -> Result<Option<String>, ApiError> {
    let is_present = head
        .headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("idempotency-key"));
    if !is_present {
        return Ok(of_body);
    }
    let invalid = |message: &str| ApiError::invalid("Idempotency-Key", message);
    let key = head.header("idempotency-key").unwrap_or_default();
    let is_valid =
        (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_valid {
        return Err(invalid("must be 1 to 255 visible ASCII characters"));
    }
    if of_body.is_some_and(|of_body| of_body != key) {
        return Err(invalid("must be the same as clientId if both are sent"));
    }
    Ok(Some(if key.len() > MAX_STORED {
        ids::sha256_hex(&[key])
    } else {
        key.to_owned()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_key(key: &[u8]) -> Head {
        Head {
            headers: vec![("Idempotency-Key".into(), key.to_vec())],
            ..Head::default()
        }
    }

    #[test]
    fn client_id_is_that_of_the_header_or_the_body() {
        let none = Head::default();
        assert_eq!(client_id(&none, None), Ok(None));
        assert_eq!(client_id(&none, Some("a".into())), Ok(Some("a".into())));
        let key = with_key(b"k-1");
        assert_eq!(client_id(&key, None), Ok(Some("k-1".into())));
        assert_eq!(client_id(&key, Some("k-1".into())), Ok(Some("k-1".into())));
        assert!(client_id(&key, Some("other".into())).is_err());
    }

    #[test]
    fn client_id_of_an_invalid_header_is_an_error_and_a_long_one_is_hashed() {
        for key in [&b""[..], b"a b", b"\xff", &[b'x'; 256]] {
            assert!(client_id(&with_key(key), None).is_err(), "{key:?}");
        }
        let long = client_id(&with_key(&[b'x'; 255]), None).unwrap().unwrap();
        assert_eq!(long.len(), 64);
    }
}
