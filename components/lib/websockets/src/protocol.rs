//! `application/websocket-events`: what a WebSocket's client did, and what it is to get. Each event is a line with its
//! type and, if it has content, the content's size in hexadecimal digits; then the content and a line break.

use http_edge::Response;

/// The media type.
pub(crate) const MEDIA_TYPE: &str = "application/websocket-events";

/// What a client did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It opened the connection.
    Open,
    /// It sent a text.
    Text(Vec<u8>),
    /// It sent something that is no text.
    Binary,
    /// It sent a ping.
    Ping(Vec<u8>),
    /// It responded to a ping.
    Pong(Vec<u8>),
    /// The content of its close frame: a code and a reason, or nothing.
    Close(Vec<u8>),
    /// It is gone without a close frame.
    Disconnect,
}

/// Events that are sent back, in the order in which they are added.
#[derive(Debug, Default)]
pub struct Events(Vec<u8>);

impl Events {
    /// Accepts the connection.
    pub fn open(&mut self) {
        self.0.extend_from_slice(b"OPEN\r\n");
    }

    /// A text for the client: a JSON object. Another text could be taken for a message to the proxy.
    pub fn json(&mut self, text: &str) {
        self.add("TEXT", text.as_bytes());
    }

    /// Subscribes the connection to a channel of the proxy. It gets nothing that names its user as the sender, or as
    /// excluded. Messages have to name the filter `var-subst`, as those of the capability `realtime` do.
    pub fn subscribe(&mut self, channel: &str) {
        let message = serde_json::json!({
            "type": "subscribe", "channel": channel, "filters": ["skip-self", "skip-users", "var-subst"],
        });
        self.control(&message);
    }

    /// Ends a subscription.
    pub fn unsubscribe(&mut self, channel: &str) {
        self.control(&serde_json::json!({ "type": "unsubscribe", "channel": channel }));
    }

    /// Names the connection for the senders and users of [`Self::subscribe`].
    pub fn user(&mut self, user: &str) {
        self.control(&serde_json::json!({ "type": "set-meta", "name": "user", "value": user }));
    }

    fn control(&mut self, message: &serde_json::Value) {
        self.add("TEXT", format!("c:{message}").as_bytes());
    }

    /// A ping. The client's pong, which has the same content, comes when the subscriptions before it hold.
    pub fn ping(&mut self, content: &[u8]) {
        self.add("PING", content);
    }

    /// The response to a ping.
    pub fn pong(&mut self, content: &[u8]) {
        self.add("PONG", content);
    }

    /// Closes the connection; what is added later is not sent. The reason has at most 120 bytes.
    pub fn close(&mut self, code: u16, reason: &str) {
        let mut content = code.to_be_bytes().to_vec();
        content.extend_from_slice(reason.as_bytes());
        self.add("CLOSE", &content);
    }

    /// Answers a client's close frame.
    pub fn close_as(&mut self, content: &[u8]) {
        if content.is_empty() {
            self.0.extend_from_slice(b"CLOSE\r\n");
        } else {
            self.add("CLOSE", content);
        }
    }

    fn add(&mut self, kind: &str, content: &[u8]) {
        let head = format!("{kind} {:x}\r\n", content.len());
        self.0.extend_from_slice(head.as_bytes());
        self.0.extend_from_slice(content);
        self.0.extend_from_slice(b"\r\n");
    }

    /// Bytes so far.
    pub fn size(&self) -> usize {
        self.0.len()
    }

    /// The response with the events.
    pub fn into_response(self) -> Response {
        Response::bytes(MEDIA_TYPE, self.0)
    }
}

/// The events of a request. None if the bytes are no events.
pub(crate) fn decode(mut bytes: &[u8]) -> Option<Vec<Event>> {
    let mut events = Vec::new();
    while !bytes.is_empty() {
        let end = bytes.windows(2).position(|window| window == b"\r\n")?;
        let line = std::str::from_utf8(bytes.get(..end)?).ok()?;
        bytes = bytes.get(end + 2..)?;
        let (kind, content) = match line.split_once(' ') {
            None => (line, &[][..]),
            Some((kind, size)) => {
                let size = usize::from_str_radix(size, 16).ok()?;
                let content = bytes.get(..size)?;
                bytes = bytes.get(size.checked_add(2)?..)?;
                (kind, content)
            }
        };
        events.push(match kind {
            "OPEN" => Event::Open,
            "TEXT" => Event::Text(content.to_vec()),
            "BINARY" => Event::Binary,
            "PING" => Event::Ping(content.to_vec()),
            "PONG" => Event::Pong(content.to_vec()),
            "CLOSE" => Event::Close(content.to_vec()),
            "DISCONNECT" => Event::Disconnect,
            // What later versions of the protocol add is not for us.
            _ => continue,
        });
    }
    Some(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decode_reads_each_event() {
        let bytes = b"OPEN\r\nTEXT 5\r\nhello\r\nBINARY 2\r\n\x00\xff\r\nPING 0\r\n\r\nPONG 1\r\na\r\nCLOSE 2\r\n\x03\xe8\r\n\
            LATER 1\r\nx\r\nDISCONNECT\r\n";
        let expected = [
            Event::Open,
            Event::Text(b"hello".to_vec()),
            Event::Binary,
            Event::Ping(Vec::new()),
            Event::Pong(b"a".to_vec()),
            Event::Close(vec![3, 0xe8]),
            Event::Disconnect,
        ];
        assert_eq!(decode(bytes).unwrap(), expected);
        assert_eq!(decode(b""), Some(Vec::new()));
    }

    #[test]
    fn decode_of_damaged_events_is_none() {
        for bytes in [
            &b"OPEN"[..],
            b"TEXT x\r\na\r\n",
            b"TEXT 5\r\na\r\n",
            b"TEXT 1\r\na",
            b"TEXT ffffffffffffffff\r\n\r\n",
            b"\xff\r\n",
        ] {
            assert_eq!(decode(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn events_are_written_with_sizes_in_hexadecimal() {
        let mut events = Events::default();
        events.open();
        events.json("{\"a\":\"0123456789\"}");
        events.unsubscribe("t-1");
        events.close(4401, "bye");
        events.close_as(b"");
        let text = String::from_utf8_lossy(&events.0).into_owned();
        let expected = "OPEN\r\nTEXT 12\r\n{\"a\":\"0123456789\"}\r\nTEXT 28\r\nc:{\"";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.ends_with("bye\r\nCLOSE\r\n"));
    }
}
