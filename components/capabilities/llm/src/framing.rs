//! Dividing the body of a response into events, whatever its content type says: server-sent events,
//! JSON values one after the other, or one JSON value. Pure.

use crate::failure::Failure;
use crate::json;
use sse::{Event, Parser};

/// Largest event, in bytes; images arrive as one.
const MAX_EVENT_BYTES: usize = 8 * 1024 * 1024;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// A body being divided. How it is framed shows its first bytes.
#[derive(Debug, Default)]
pub(crate) struct Framing {
    format: Format,
}

#[derive(Debug)]
enum Format {
    /// So far there were only these bytes: white space or the beginning of a byte order mark.
    Unknown(Vec<u8>),
    Events(Box<Parser>),
    Json(JsonValues),
    /// A page of HTML, which no provider sends.
    Html,
}

impl Default for Format {
    fn default() -> Self {
        Self::Unknown(Vec::new())
    }
}

impl Framing {
    /// Reads the next bytes and calls `each` for every event that they complete.
    ///
    /// # Errors
    /// If the body is HTML, or an event is too large.
    pub(crate) fn push(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(Event),
    ) -> Result<(), Failure> {
        let first;
        let bytes = if let Format::Unknown(start) = &mut self.format {
            start.extend_from_slice(bytes);
            let Some(format) = Format::of(start) else {
                return Ok(());
            };
            first = std::mem::take(start);
            self.format = format;
            first.as_slice()
        } else {
            bytes
        };
        match &mut self.format {
            Format::Unknown(_) => Ok(()),
            Format::Events(parser) => parser
                .push(bytes, each)
                .map_err(|_| Failure::Protocol("an event is larger than 8 MiB")),
            Format::Json(values) => values.push(bytes, &mut each),
            Format::Html => Err(Failure::Protocol("the response is HTML")),
        }
    }

    /// Ends the body; the last event may lack its end.
    pub(crate) fn finish(&mut self, each: impl FnMut(Event)) {
        if let Format::Events(parser) = &mut self.format {
            parser.finish(each);
        }
    }
}

impl Format {
    /// The format of a body that begins with these bytes; none if they do not show it.
    fn of(start: &[u8]) -> Option<Self> {
        let start = start.strip_prefix(BOM).unwrap_or(start);
        if BOM.starts_with(start) {
            return None;
        }
        match start.iter().find(|byte| !byte.is_ascii_whitespace())? {
            b'{' | b'[' => Some(Self::Json(JsonValues::default())),
            b'<' => Some(Self::Html),
            _ => Some(Self::Events(Box::new(Parser::lenient(
                MAX_EVENT_BYTES,
                is_complete,
            )))),
        }
    }
}

fn is_complete(data: &[u8]) -> bool {
    data == b"[DONE]" || (data.first() == Some(&b'{') && json::is_complete(data))
}

/// JSON objects in a body: one, one a line, or the items of a list.
#[derive(Debug, Default)]
struct JsonValues {
    value: Vec<u8>,
    depth: usize,
    in_string: bool,
    is_escaped: bool,
}

impl JsonValues {
    fn push(&mut self, bytes: &[u8], each: &mut impl FnMut(Event)) -> Result<(), Failure> {
        let mut rest = bytes;
        while let Some(at) = rest.iter().position(|byte| self.ends_with(*byte)) {
            let (end, after) = rest.split_at_checked(at + 1).unwrap_or((rest, &[]));
            self.extend(end)?;
            rest = after;
            let value = std::mem::take(&mut self.value);
            // Between objects there are line ends, commas and brackets.
            let from = value.iter().position(|byte| *byte == b'{').unwrap_or(0);
            let value = value.get(from..).unwrap_or_default();
            each(Event {
                data: String::from_utf8_lossy(value).into_owned(),
                ..Event::default()
            });
        }
        self.extend(rest)
    }

    /// Whether this byte ends an object at the top.
    fn ends_with(&mut self, byte: u8) -> bool {
        if self.in_string {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' if self.depth > 0 => self.in_string = true,
            b'{' => self.depth = self.depth.saturating_add(1),
            b'}' if self.depth > 0 => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.value.len().saturating_add(bytes.len()) > MAX_EVENT_BYTES {
            return Err(Failure::Protocol("a JSON value is larger than 8 MiB"));
        }
        self.value.extend_from_slice(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(chunks: &[&[u8]]) -> Result<Vec<String>, Failure> {
        let mut framing = Framing::default();
        let mut events = Vec::new();
        for chunk in chunks {
            framing.push(chunk, |event| events.push(event.data))?;
        }
        framing.finish(|event| events.push(event.data));
        Ok(events)
    }

    #[test]
    fn push_every_framing_gives_the_events() {
        let two = [r#"{"a":"}"}"#.to_owned(), r#"{"b":{"c":"\""}}"#.to_owned()];
        for body in [
            "data: {\"a\":\"}\"}\n\ndata: {\"b\":{\"c\":\"\\\"\"}}\n\n",
            "data: {\"a\":\"}\"}\ndata: {\"b\":{\"c\":\"\\\"\"}}\n",
            "data: {\"a\":\"}\"}\r\rdata: {\"b\":{\"c\":\"\\\"\"}}",
            "\u{feff}: comment\n\nevent: x\ndata: {\"a\":\"}\"}\n\nevent: y\ndata: {\"b\":{\"c\":\"\\\"\"}}\n\n",
            "{\"a\":\"}\"}\n{\"b\":{\"c\":\"\\\"\"}}\n",
            "\u{feff} [{\"a\":\"}\"},\n{\"b\":{\"c\":\"\\\"\"}}]",
        ] {
            assert_eq!(read(&[body.as_bytes()]).unwrap(), two, "{body:?}");
            let bytes: Vec<&[u8]> = body.as_bytes().chunks(1).collect();
            assert_eq!(read(&bytes).unwrap(), two, "{body:?}");
        }
    }

    #[test]
    fn push_html_is_a_failure_and_large_events_are_not() {
        assert!(read(&[b"\n<!doctype html>"]).is_err());
        let large = format!(
            "data: {{\"image\":\"{}\"}}\n\n",
            "A".repeat(3 * 1024 * 1024)
        );
        assert_eq!(read(&[large.as_bytes()]).unwrap().len(), 1);
        let endless = vec![b' '; MAX_EVENT_BYTES];
        assert!(read(&[b"{", &endless, b" "]).is_err());
    }

    proptest! {
        #[test]
        fn push_any_split_gives_the_same_events(body in "(\u{feff})?( |\n)?([{}\\[\\]\"\\\\,a\n]|data: |: ){0,30}", at in any::<prop::sample::Index>()) {
            let body = body.as_bytes();
            let (one, two) = body.split_at(at.index(body.len() + 1));
            let bytes: Vec<&[u8]> = body.chunks(1).collect();
            prop_assert_eq!(read(&[one, two]), read(&[body]));
            prop_assert_eq!(read(&bytes), read(&[body]));
        }
    }
}
