//! Reading a stream of events from bytes that arrive in pieces of any size.

use std::fmt;

/// The bound that [`Parser::new`] sets on one event, in bytes: 1 MiB.
pub const MAX_EVENT_BYTES: usize = 1024 * 1024;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// A dispatched event. Fields that carry bytes which are not UTF-8 have them replaced by U+FFFD, as
/// the specification's decoder does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    /// The `event` field; empty when the stream named none (a browser would say `message`).
    pub name: String,
    /// The `data` lines, joined with U+000A.
    pub data: String,
    /// The stream's last `id` so far; empty when there was none.
    pub id: String,
}

/// An event grew past the parser's bound. The parser is of no use afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge;

impl fmt::Display for TooLarge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an event is larger than the limit")
    }
}

impl std::error::Error for TooLarge {}

/// An incremental parser. Any split of the same bytes over calls of [`Parser::push`] gives the same
/// events.
#[derive(Debug)]
pub struct Parser {
    limit: usize,
    /// The unfinished line.
    line: Vec<u8>,
    name: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    id: String,
    /// The last byte was a CR, so that an LF now belongs to it.
    after_cr: bool,
    /// Nothing but a part of a byte order mark has been seen.
    at_start: bool,
}

impl Default for Parser {
    fn default() -> Self {
        Self::new()
    }
}

impl Parser {
    /// A parser at the beginning of a stream, with the bound [`MAX_EVENT_BYTES`].
    pub fn new() -> Self {
        Self::with_limit(MAX_EVENT_BYTES)
    }

    /// A parser that takes events of at most `limit` bytes, counted as their name, data and the
    /// line under way.
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
        }
    }

    /// Takes the next bytes and hands every event they complete to `each`.
    ///
    /// # Errors
    /// [`TooLarge`] when an event, finished or not, exceeds the limit.
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
        self.extend_line(rest)
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
            self.field(&line);
        }
        // The allocation serves the next line.
        line.clear();
        self.line = line;
    }

    fn field(&mut self, line: &[u8]) {
        let (field, value) = match line.iter().position(|byte| *byte == b':') {
            Some(colon) => {
                let (field, value) = line.split_at(colon);
                let value = value.strip_prefix(b":").unwrap_or(value);
                (field, value.strip_prefix(b" ").unwrap_or(value))
            }
            None => (line, &[][..]),
        };
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
            // `retry`, a comment (an empty field name), or a field nobody knows.
            _ => {}
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

    fn parse(pieces: &[&[u8]]) -> Result<Vec<Event>, TooLarge> {
        let mut parser = Parser::with_limit(200);
        let mut events = Vec::new();
        for piece in pieces {
            parser.push(piece, |event| events.push(event))?;
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
    fn every_line_end_is_one() {
        for stream in [
            "data: a\n\ndata: b\n\n",
            "data: a\r\n\r\ndata: b\r\n\r\n",
            "data: a\r\rdata: b\r\r",
        ] {
            assert_eq!(data(stream.as_bytes()), ["a", "b"], "{stream:?}");
        }
    }

    #[test]
    fn fields_are_read_as_the_specification_says() {
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
    fn an_unfinished_event_is_not_dispatched() {
        assert!(data(b"data: a\n").is_empty());
        assert!(data(b"event: a\n\n").is_empty());
        assert_eq!(data(b"data\n\n"), [""]);
    }

    #[test]
    fn an_id_with_nul_is_ignored() {
        assert_eq!(parse(&[b"id: a\nid: b\0\ndata: x\n\n"]).unwrap()[0].id, "a");
    }

    #[test]
    fn an_event_is_bounded_finished_or_not() {
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
        fn any_split_gives_the_same_events(stream in streams(), cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12)) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts {
                pieces.push(&stream[from..cut]);
                from = cut;
            }
            pieces.push(&stream[from..]);
            let bytes: Vec<&[u8]> = stream.chunks(1).collect();
            let whole = parse(&[&stream]);
            prop_assert_eq!(parse(&pieces), whole.clone());
            prop_assert_eq!(parse(&bytes), whole);
        }

        #[test]
        fn what_the_encoder_writes_is_read_back(name in "[a-z]{0,5}", id in "[a-z0-9]{1,5}", text in "(?s).{0,20}") {
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
