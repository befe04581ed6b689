//! The protocol's header fields and query parameters.

use contracts::streams::types::{Expiry, Fork, Position, Producer};
use http_edge::{ApiError, Context, Head};
use percent_encoding::percent_decode_str;

use crate::{expiry, name::MAX_NAME, position};

/// The largest number that JavaScript writes exactly.
const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Longest content type, id of a producer and writer's sequence, in bytes.
const MAX_TEXT: usize = 256;

/// The value of a query parameter that may be given once. 400 if it is given more often.
pub(crate) fn query_value(query: &str, name: &str) -> Result<Option<String>, ApiError> {
    let mut values = form_urlencoded::parse(query.as_bytes())
        .filter(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned());
    let first = values.next();
    match values.next() {
        Some(_) => Err(ApiError::invalid(name, "must be given once")),
        None => Ok(first),
    }
}

/// Whether a header is `true`, in any case. Other values mean nothing.
pub(crate) fn is_true(head: &Head, name: &str) -> bool {
    head.header(name)
        .is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// The content type of the body.
pub(crate) fn content_type(head: &Head) -> Result<Option<String>, ApiError> {
    let value = head
        .header("content-type")
        .filter(|value| !value.is_empty());
    match value {
        Some(value) if !is_content_type(value) => {
            Err(ApiError::invalid("Content-Type", "must be a media type"))
        }
        value => Ok(value.map(str::to_owned)),
    }
}

/// Whether it is a type and a subtype, with or without parameters, in visible ASCII.
pub(crate) fn is_content_type(value: &str) -> bool {
    let media_type = value.split(';').next().unwrap_or_default().trim();
    let is_token = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
    };
    value.len() <= MAX_TEXT
        && value.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        && media_type
            .split_once('/')
            .is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype))
}

/// `Stream-TTL` or `Stream-Expires-At`.
pub(crate) fn expiry(head: &Head) -> Result<Option<Expiry>, ApiError> {
    let ttl = match head.header("stream-ttl") {
        None => None,
        Some(text) => Some(
            expiry::parse_ttl(text)
                .ok_or_else(|| ApiError::invalid("Stream-TTL", "must be a number of seconds"))?,
        ),
    };
    let time =
        match head.header("stream-expires-at") {
            None => None,
            Some(text) => Some(expiry::parse_time(text).ok_or_else(|| {
                ApiError::invalid("Stream-Expires-At", "must be a time of RFC 3339")
            })?),
        };
    if ttl.is_some() && time.is_some() {
        return Err(ApiError::invalid(
            "Stream-Expires-At",
            "cannot be combined with Stream-TTL",
        ));
    }
    Ok(expiry::of(ttl, time))
}

/// `Stream-Seq`.
pub(crate) fn writer_sequence(head: &Head) -> Result<Option<String>, ApiError> {
    match head.header("stream-seq") {
        Some(text) if text.is_empty() || text.len() > MAX_TEXT => Err(ApiError::invalid(
            "Stream-Seq",
            "must be 1 to 256 characters",
        )),
        text => Ok(text.map(str::to_owned)),
    }
}

/// `Producer-Id`, `Producer-Epoch` and `Producer-Seq`: all of them or none.
pub(crate) fn producer(head: &Head) -> Result<Option<Producer>, ApiError> {
    let id = head.header("producer-id");
    let epoch = head.header("producer-epoch");
    let sequence = head.header("producer-seq");
    if id.is_none() && epoch.is_none() && sequence.is_none() {
        return Ok(None);
    }
    let (Some(id), Some(epoch), Some(sequence)) = (id, epoch, sequence) else {
        return Err(ApiError::invalid(
            "Producer-Id",
            "needs Producer-Epoch and Producer-Seq, and they need it",
        ));
    };
    if id.is_empty() || id.len() > MAX_TEXT || id.contains('\0') {
        return Err(ApiError::invalid(
            "Producer-Id",
            "must be 1 to 256 characters",
        ));
    }
    Ok(Some(Producer {
        id: id.to_owned(),
        epoch: integer("Producer-Epoch", epoch)?,
        sequence: integer("Producer-Seq", sequence)?,
    }))
}

fn integer(name: &str, text: &str) -> Result<u64, ApiError> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number
        .then(|| text.parse().ok())
        .flatten()
        .filter(|number| *number <= MAX_INTEGER)
        .ok_or_else(|| ApiError::invalid(name, "must be an integer of at most 2^53 - 1"))
}

/// `Stream-Forked-From`, `Stream-Fork-Offset` and `Stream-Fork-Sub-Offset`.
pub(crate) fn fork(context: &Context) -> Result<Option<Fork>, ApiError> {
    let head = &context.head;
    let offset = head.header("stream-fork-offset");
    let sub_offset = head.header("stream-fork-sub-offset");
    let Some(source) = head.header("stream-forked-from") else {
        if offset.is_some() || sub_offset.is_some() {
            return Err(ApiError::invalid("Stream-Forked-From", "is missing"));
        }
        return Ok(None);
    };
    let name = source_name(source, &head.path).ok_or_else(|| {
        ApiError::invalid(
            "Stream-Forked-From",
            "must be the path of a stream of yours",
        )
    })?;
    let position = match offset {
        None => None,
        Some("-1") => Some(Position {
            appends: 0,
            bytes: 0,
        }),
        Some(text) => Some(position::parse(text).ok_or_else(|| {
            ApiError::invalid("Stream-Fork-Offset", "must be an offset of the source")
        })?),
    };
    let sub_offset = match sub_offset {
        None => 0,
        Some(text) => expiry::parse_ttl(text)
            .ok_or_else(|| ApiError::invalid("Stream-Fork-Sub-Offset", "must be a number"))?,
    };
    Ok(Some(Fork {
        source: name,
        position,
        sub_offset,
    }))
}

/// The name in the path or the URL of a stream; the path of this request has the same beginning.
fn source_name(source: &str, own_path: &str) -> Option<String> {
    let path = match source.split_once("://") {
        Some((_, rest)) => rest.get(rest.find('/')?..)?,
        None => source,
    };
    let (mount, _) = own_path.rsplit_once('/')?;
    let name = path.strip_prefix(mount)?.strip_prefix('/')?;
    let name = percent_decode_str(name).decode_utf8().ok()?;
    (1..=MAX_NAME)
        .contains(&name.len())
        .then(|| name.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(headers: &[(&str, &str)]) -> Head {
        Head {
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
                .collect(),
            ..Head::default()
        }
    }

    #[test]
    fn query_value_given_twice_is_an_error() {
        assert_eq!(query_value("a=1&b=2", "b"), Ok(Some("2".to_owned())));
        assert_eq!(query_value("a=1", "b"), Ok(None));
        assert!(query_value("b=1&b=1", "b").is_err());
    }

    #[test]
    fn producer_needs_all_three_headers() {
        let all = [
            ("Producer-Id", "p"),
            ("Producer-Epoch", "1"),
            ("Producer-Seq", "0"),
        ];
        let producer = producer(&head(&all)).unwrap().unwrap();
        assert_eq!((producer.epoch, producer.sequence), (1, 0));
        assert!(super::producer(&head(&[])).unwrap().is_none());
        assert!(super::producer(&head(&all[..2])).is_err());
        for wrong in ["", "-1", "1.5", "9007199254740992", "x"] {
            let wrong = [all[0], all[1], ("Producer-Seq", wrong)];
            assert!(super::producer(&head(&wrong)).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn source_name_takes_paths_and_urls_below_the_same_path() {
        let own = "/api/v1/streams/b";
        for source in ["/api/v1/streams/a%20b", "http://h:1/api/v1/streams/a%20b"] {
            assert_eq!(source_name(source, own).as_deref(), Some("a b"), "{source}");
        }
        for other in [
            "",
            "a",
            "/a",
            "/api/v1/streams/",
            "http://h",
            "/api/v1/files/a",
        ] {
            assert_eq!(source_name(other, own), None, "{other}");
        }
    }

    #[test]
    fn content_types_have_a_type_and_a_subtype() {
        for valid in ["text/plain", "application/json; charset=utf-8", "a/b+c"] {
            assert!(is_content_type(valid), "{valid}");
        }
        for invalid in ["", "text", "text/", "/plain", "text/pl ain", "text/é"] {
            assert!(!is_content_type(invalid), "{invalid}");
        }
    }
}
