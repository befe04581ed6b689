//! `application/websocket-events`: the events of a WebSocket in the body of a request or response.
//! Each is a line with its type and, if it has content, the content's size in hexadecimal digits; then
//! the content and a line break.

use bytes::{Bytes, BytesMut};

/// The media type.
pub(super) const MEDIA_TYPE: &str = "application/websocket-events";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) kind: String,
    /// Empty content and none are different: `TEXT 0` and `TEXT`.
    pub(super) content: Option<Bytes>,
}

impl Event {
    pub(super) fn new(kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            content: None,
        }
    }

    pub(super) fn with(kind: &str, content: Bytes) -> Self {
        Self {
            kind: kind.to_owned(),
            content: Some(content),
        }
    }

    pub(super) fn size(&self) -> usize {
        self.content.as_ref().map_or(0, Bytes::len)
    }
}

pub(super) fn encode<'a>(events: impl IntoIterator<Item = &'a Event>) -> Bytes {
    let mut bytes = BytesMut::new();
    for event in events {
        bytes.extend_from_slice(event.kind.as_bytes());
        if let Some(content) = &event.content {
            bytes.extend_from_slice(format!(" {:x}\r\n", content.len()).as_bytes());
            bytes.extend_from_slice(content);
        }
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.freeze()
}

/// `None` if the bytes are not events.
pub(super) fn decode(mut bytes: Bytes) -> Option<Vec<Event>> {
    let mut events = Vec::new();
    while !bytes.is_empty() {
        let end = bytes.windows(2).position(|window| window == b"\r\n")?;
        let line = bytes.split_to(end);
        let _ = bytes.split_to(2);
        let line = std::str::from_utf8(&line).ok()?;
        let Some((kind, size)) = line.split_once(' ') else {
            events.push(Event::new(line));
            continue;
        };
        let size = usize::from_str_radix(size, 16).ok()?;
        if bytes.len() < size.checked_add(2)? {
            return None;
        }
        events.push(Event::with(kind, bytes.split_to(size)));
        let _ = bytes.split_to(2);
    }
    Some(events)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn encode_writes_sizes_in_hexadecimal() {
        let text = Event::with("TEXT", Bytes::from_static(b"a text of 18 bytes"));
        let events = [Event::new("OPEN"), text, Event::with("PING", Bytes::new())];
        let expected = "OPEN\r\nTEXT 12\r\na text of 18 bytes\r\nPING 0\r\n\r\n";
        assert_eq!(encode(&events), expected);
    }

    #[test]
    fn decode_of_malformed_events_is_none() {
        for text in [
            "OPEN",
            "TEXT x\r\na\r\n",
            "TEXT 5\r\na\r\n",
            "TEXT ffffffffffffffff\r\n\r\n",
        ] {
            assert_eq!(decode(Bytes::from_static(text.as_bytes())), None, "{text}");
        }
        assert_eq!(decode(Bytes::new()), Some(Vec::new()));
    }

    proptest! {
        #[test]
        fn decode_reads_what_encode_wrote(
            contents in prop::collection::vec(prop::option::of(prop::collection::vec(any::<u8>(), 0..40)), 0..8)
        ) {
            let events: Vec<_> = contents
                .into_iter()
                .map(|content| Event { kind: "TEXT".to_owned(), content: content.map(Bytes::from) })
                .collect();
            prop_assert_eq!(decode(encode(&events)), Some(events));
        }

        #[test]
        fn decode_of_any_bytes_does_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(Bytes::from(bytes));
        }
    }
}
