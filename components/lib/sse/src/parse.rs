//! Parsing an event stream whose bytes arrive in chunks of any size.

use std::fmt;

/// The default limit of one event, in bytes: 1 MiB.
pub const MAX_EVENT_BYTES: usize = 1024 * 1024;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// A complete event. Bytes that are not UTF-8 are replaced by U+FFFD, as the specification's decoder
/// does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    /// The `event` field; empty if there is none (browsers use `message`).
    pub name: String,
    /// The `data` lines, joined with U+000A.
    pub data: String,
    /// The last `id` of the stream so far; empty if there was none.
    pub id: String,
}

/// An event exceeds the limit. The parser cannot be used afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge;

impl fmt::Display for TooLarge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an event is larger than the limit")
    }
}

impl std::error::Error for TooLarge {}

/// An incremental parser. The events do not depend on how the bytes are split over calls of
/// [`Parser::push`].
#[derive(Debug)]
pub struct Parser {
    limit: usize,
    /// The unfinished line.
    line: Vec<u8>,
    name: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    id: String,
    /// The last byte was a CR: an LF that follows belongs to the same line end.
    after_cr: bool,
    /// No line has ended yet, so the line may begin with a byte order mark.
    at_start: bool,
    /// Whether data is complete without an empty line; see [`Parser::lenient`].
    is_complete: Option<fn(&[u8]) -> bool>,
}

impl Default for Parser {
    fn default() -> Self {
        Self::new()
    }
}

impl Parser {
    /// A parser with the limit [`MAX_EVENT_BYTES`].
    pub fn new() -> Self {
        Self::with_limit(MAX_EVENT_BYTES)
    }

    /// A parser for events of at most `limit` bytes: name, data and the unfinished line.
    pub fn with_limit(limit: usize) -> Self {
        Self {
            limit,
            line: Vec::new(),
            name: Vec::new(),
            data: Vec::new(),
            has_data: false,
            id: String::new(),
            after_cr: false,
            at_start: true,
            is_complete: None,
        }
    }

    /// A parser for servers that leave out the empty line between events: an event also ends at the
    /// end of a line if `is_complete` is true of its data.
    pub fn lenient(limit: usize, is_complete: fn(&[u8]) -> bool) -> Self {
        Self {
            is_complete: Some(is_complete),
            ..Self::with_limit(limit)
        }
    }

    /// Parses the next bytes and calls `each` with every event that they complete.
    ///
    /// # Errors
    /// [`TooLarge`] if an event exceeds the limit, complete or not.
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(Event)) -> Result<(), TooLarge> {
        let mut rest = bytes;
        if self.after_cr && !rest.is_empty() {
            self.after_cr = false;
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let (part, after) = rest.split_at(end);
            let (is_cr, after) = match after.split_first() {
                Some((byte, after)) => (*byte == b'\r', after),
                None => (false, after),
            };
            self.extend_line(part)?;
            self.end_line(&mut each);
            rest = after;
            if is_cr {
                match rest.split_first() {
                    Some((b'\n', after)) => rest = after,
                    Some(_) => {}
                    None => self.after_cr = true,
                }
            }
        }
        self.extend_line(rest)?;
        if self.line.is_empty() {
            self.dispatch_complete(&mut each);
        }
        Ok(())
    }

    /// Ends a stream that may lack its last line ends. The parser cannot be used afterwards.
    pub fn finish(&mut self, mut each: impl FnMut(Event)) {
        self.end_line(&mut each);
        self.dispatch(&mut each);
    }

    fn extend_line(&mut self, part: &[u8]) -> Result<(), TooLarge> {
        let size = self.name.len() + self.data.len() + self.line.len() + part.len();
        if size > self.limit {
            return Err(TooLarge);
        }
        self.line.extend_from_slice(part);
        Ok(())
    }

    fn end_line(&mut self, each: &mut impl FnMut(Event)) {
        let mut line = std::mem::take(&mut self.line);
        if self.at_start {
            self.at_start = false;
            if line.starts_with(BOM) {
                line.drain(..BOM.len());
            }
        }
        if line.is_empty() {
            self.dispatch(each);
        } else {
            self.field(&line, each);
        }
        // The next line reuses the allocation.
        line.clear();
        self.line = line;
    }

    fn field(&mut self, line: &[u8], each: &mut impl FnMut(Event)) {
        let (field, value) = match line.iter().position(|byte| *byte == b':') {
            Some(colon) => {
                let (field, value) = line.split_at(colon);
                let value = value.strip_prefix(b":").unwrap_or(value);
                (field, value.strip_prefix(b" ").unwrap_or(value))
            }
            None => (line, &[][..]),
        };
        if !field.is_empty() {
            self.dispatch_complete(each);
        }
        match field {
            b"data" => {
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.has_data = true;
                self.data.extend_from_slice(value);
            }
            b"event" => {
                self.name.clear();
                self.name.extend_from_slice(value);
            }
            b"id" if !value.contains(&0) => self.id = String::from_utf8_lossy(value).into_owned(),
            // `retry`, a comment (an empty field name), or an unknown field.
            _ => {}
        }
    }

    fn dispatch_complete(&mut self, each: &mut impl FnMut(Event)) {
        let is_complete = self
            .is_complete
            .is_some_and(|is_complete| is_complete(&self.data));
        if self.has_data && is_complete {
            self.dispatch(each);
        }
    }

    fn dispatch(&mut self, each: &mut impl FnMut(Event)) {
        let name = std::mem::take(&mut self.name);
        let data = std::mem::take(&mut self.data);
        if std::mem::take(&mut self.has_data) {
            each(Event {
                name: text(name),
                data: text(data),
                id: self.id.clone(),
            });
        }
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(chunks: &[&[u8]]) -> Result<Vec<Event>, TooLarge> {
        let mut parser = Parser::with_limit(200);
        let mut events = Vec::new();
        for chunk in chunks {
            parser.push(chunk, |event| events.push(event))?;
        }
        Ok(events)
    }

    fn data(stream: &[u8]) -> Vec<String> {
        parse(&[stream])
            .unwrap()
            .into_iter()
            .map(|event| event.data)
            .collect()
    }

    #[test]
    fn push_accepts_every_kind_of_line_end() {
        for stream in [
            "data: a\n\ndata: b\n\n",
            "data: a\r\n\r\ndata: b\r\n\r\n",
            "data: a\r\rdata: b\r\r",
        ] {
            assert_eq!(data(stream.as_bytes()), ["a", "b"], "{stream:?}");
        }
    }

    #[test]
    fn push_fields_equal_the_specification() {
        let events = parse(&[b"\xEF\xBB\xBF: comment\n\nevent: add\ndata: 1\ndata:  2\ndata\nid: 7\nretry: 5\nfoo: bar\n\nid\ndata:x\n\n"]).unwrap();
        assert_eq!(events.len(), 2);
        assert_eq!(
            events[0],
            Event {
                name: "add".into(),
                data: "1\n 2\n".into(),
                id: "7".into()
            }
        );
        assert_eq!(
            events[1],
            Event {
                name: String::new(),
                data: "x".into(),
                id: String::new()
            }
        );
    }

    #[test]
    fn push_unfinished_event_is_not_returned() {
        assert!(data(b"data: a\n").is_empty());
        assert!(data(b"event: a\n\n").is_empty());
        assert_eq!(data(b"data\n\n"), [""]);
    }

    fn lenient(chunks: &[&[u8]]) -> Vec<(String, String)> {
        let is_complete = |data: &[u8]| data.ends_with(b"}") || data == b"[DONE]";
        let mut parser = Parser::lenient(200, is_complete);
        let mut events = Vec::new();
        let mut each = |event: Event| events.push((event.name, event.data));
        for chunk in chunks {
            parser.push(chunk, &mut each).unwrap();
        }
        parser.finish(each);
        events
    }

    #[test]
    fn lenient_events_without_empty_lines_are_returned() {
        let event = |name: &str, data: &str| (name.to_owned(), data.to_owned());
        assert_eq!(
            lenient(&[b"data: {1}\ndata: {\ndata: 2}\nevent: error\ndata: {3}\ndata: [DONE]"]),
            [
                event("", "{1}"),
                event("", "{\n2}"),
                event("error", "{3}"),
                event("", "[DONE]")
            ]
        );
        // At the end of the bytes, not with the next line.
        let mut parser = Parser::lenient(200, |data| data == b"x");
        let mut count = 0;
        parser.push(b"data: x\n", |_| count += 1).unwrap();
        assert_eq!(count, 1);
    }

    #[test]
    fn push_id_with_nul_is_ignored() {
        assert_eq!(parse(&[b"id: a\nid: b\0\ndata: x\n\n"]).unwrap()[0].id, "a");
    }

    #[test]
    fn push_event_beyond_the_limit_fails() {
        let line = [b"data: ".as_slice(), &[b'x'; 300]].concat();
        assert_eq!(parse(&[&line]), Err(TooLarge));
        let many = b"data: 12345678901234567890\n".repeat(12);
        assert_eq!(parse(&[&many]), Err(TooLarge));
        let fine = b"data: 1234567890\n\n".repeat(100);
        assert_eq!(parse(&[&fine]).unwrap().len(), 100);
    }

    fn streams() -> impl Strategy<Value = Vec<u8>> {
        let line = prop_oneof![
            "data: ?[a-zé😀\u{feff}]{0,6}".prop_map(String::into_bytes),
            "(event|id|retry|:|data|foo)(: ?.{0,4})?".prop_map(String::into_bytes),
            Just(Vec::new()),
            proptest::collection::vec(any::<u8>(), 0..6),
        ];
        let end = prop_oneof![
            Just(&b"\n"[..]),
            Just(&b"\r"[..]),
            Just(&b"\r\n"[..]),
            Just(&b"\n\n"[..])
        ];
        (any::<bool>(), proptest::collection::vec((line, end), 0..20)).prop_map(|(bom, lines)| {
            let mut bytes = if bom { BOM.to_vec() } else { Vec::new() };
            for (line, end) in lines {
                bytes.extend(line);
                bytes.extend_from_slice(end);
            }
            bytes
        })
    }

    proptest! {
        #[test]
        fn push_any_split_gives_the_same_events(stream in streams(), cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12)) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            cuts.sort_unstable();
            let mut chunks = Vec::new();
            let mut from = 0;
            for cut in cuts {
                chunks.push(&stream[from..cut]);
                from = cut;
            }
            chunks.push(&stream[from..]);
            let bytes: Vec<&[u8]> = stream.chunks(1).collect();
            let whole = parse(&[&stream]);
            prop_assert_eq!(parse(&chunks), whole.clone());
            prop_assert_eq!(parse(&bytes), whole);
        }

        #[test]
        fn lenient_any_split_gives_the_same_events(stream in "((data: ?[{}a]{0,3}|event: e|:|id: 1)?[\r\n]{1,2}){0,12}", at in any::<prop::sample::Index>()) {
            let stream = stream.as_bytes();
            let (one, two) = stream.split_at(at.index(stream.len() + 1));
            let bytes: Vec<&[u8]> = stream.chunks(1).collect();
            prop_assert_eq!(lenient(&[one, two]), lenient(&[stream]));
            prop_assert_eq!(lenient(&bytes), lenient(&[stream]));
        }

        #[test]
        fn push_encoded_event_gives_the_same_event(name in "[a-z]{0,5}", id in "[a-z0-9]{1,5}", text in "(?s).{0,20}") {
            let mut encoder = crate::Encoder::new();
            encoder.comment("keep-alive").id(&id).event(&name).data(&text);
            let mut parser = Parser::new();
            let mut events = Vec::new();
            parser.push(&encoder.take(), |event| events.push(event)).unwrap();
            let text = text.replace("\r\n", "\n").replace('\r', "\n");
            prop_assert_eq!(events, vec![Event { name, data: text, id }]);
        }
    }
}
