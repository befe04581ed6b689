//! Encoding events.

/// Encodes events. The fields of an event come before its data, which ends the event:
///
/// ```
/// let mut out = sse::Encoder::new();
/// out.id("1").data("{\"content\":\"Hello\"}");
/// out.event("usage").data("{}");
/// out.comment("keep-alive");
/// assert_eq!(
///     out.take(),
///     b"id: 1\ndata: {\"content\":\"Hello\"}\n\nevent: usage\ndata: {}\n\n: keep-alive\n\n",
/// );
/// ```
///
/// No value can end its field: `data` and comments are written line by line, and line ends are
/// removed from the other fields (and U+0000, with which an `id` would be ignored).
#[derive(Debug, Default)]
pub struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    /// An empty encoder.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the name of the event. An empty name writes nothing: clients use `message` then.
    pub fn event(&mut self, name: &str) -> &mut Self {
        if !name.is_empty() {
            self.single("event: ", name);
        }
        self
    }

    /// Sets the id of the event, for `Last-Event-ID`.
    pub fn id(&mut self, id: &str) -> &mut Self {
        self.single("id: ", id);
        self
    }

    /// Writes the data, a `data:` line for each of its lines (CR LF, CR and LF all end one), and
    /// ends the event.
    pub fn data(&mut self, data: &str) -> &mut Self {
        self.lines("data: ", data);
        self.bytes.push(b'\n');
        self
    }

    /// Writes a comment, which clients ignore.
    pub fn comment(&mut self, text: &str) -> &mut Self {
        self.lines(": ", text);
        self.bytes.push(b'\n');
        self
    }

    /// Whether nothing was written since [`Encoder::take`].
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Returns the bytes and empties the encoder.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    fn single(&mut self, field: &str, value: &str) {
        self.bytes.extend_from_slice(field.as_bytes());
        self.bytes.extend(
            value
                .bytes()
                .filter(|byte| !matches!(byte, b'\r' | b'\n' | 0)),
        );
        self.bytes.push(b'\n');
    }

    fn lines(&mut self, field: &str, text: &str) {
        self.bytes.extend_from_slice(field.as_bytes());
        let mut after_cr = false;
        for byte in text.bytes() {
            match byte {
                b'\n' if after_cr => {}
                b'\n' | b'\r' => {
                    self.bytes.push(b'\n');
                    self.bytes.extend_from_slice(field.as_bytes());
                }
                byte => self.bytes.push(byte),
            }
            after_cr = byte == b'\r';
        }
        self.bytes.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn take_values_with_line_ends_stay_in_their_field() {
        let mut out = Encoder::new();
        out.event("a\ndata: x")
            .id("1\r\n2\0")
            .data("a\r\nb\rc\nd")
            .comment("x\n\ndata: y");
        assert_eq!(
            String::from_utf8(out.take()).unwrap(),
            "event: adata: x\nid: 12\ndata: a\ndata: b\ndata: c\ndata: d\n\n: x\n: \n: data: y\n\n"
        );
        assert!(out.is_empty());
    }

    #[test]
    fn data_empty_is_an_event() {
        let mut out = Encoder::new();
        out.data("");
        assert_eq!(out.take(), b"data: \n\n");
    }
}
