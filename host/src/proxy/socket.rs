//! The server's side of a WebSocket (RFC 6455), without extensions. There are no replies to pings here: as with
//! Pushpin, the application sends them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, header};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use ring::digest;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::item::{Message, MessageKind};

/// Size of a message in bytes. A larger one ends the connection.
pub(super) const MAX_MESSAGE: usize = 64 * 1024;

/// Content of control frames in bytes.
const MAX_CONTROL: usize = 125;

/// A client that takes this long to read something loses its connection.
const WRITE_TIME: Duration = Duration::from_secs(60);

/// Data from the client.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    Message(Message),
    /// The content of a close frame: a code and a reason, or nothing.
    Close(Bytes),
    /// The connection ended without a close frame.
    Gone,
    /// The client broke the rules; the code says which.
    Violation(u16),
}

/// A connection. It is generic for its tests.
pub(super) struct Socket<S = TokioIo<Upgraded>> {
    stream: S,
    buffer: BytesMut,
    /// The parts of a message so far.
    message: Option<(MessageKind, BytesMut)>,
}

/// Codes of close frames.
pub(super) const PROTOCOL_ERROR: u16 = 1002;
const INVALID_TEXT: u16 = 1007;
const TOO_BIG: u16 = 1009;

const OPCODE_TEXT: u8 = 1;
const OPCODE_BINARY: u8 = 2;
const OPCODE_CLOSE: u8 = 8;
const OPCODE_PING: u8 = 9;
const OPCODE_PONG: u8 = 10;

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
            message: None,
        }
    }

    /// Waits for a message or the end. The future may be dropped without a loss.
    pub(super) async fn next(&mut self) -> Incoming {
        loop {
            match self.parse() {
                Ok(Some(incoming)) => return incoming,
                Ok(None) => {}
                Err(code) => return Incoming::Violation(code),
            }
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) | Err(_) => return Incoming::Gone,
                Ok(_) => {}
            }
        }
    }

    /// The next message or close frame in the buffer.
    fn parse(&mut self) -> Result<Option<Incoming>, u16> {
        while let Some(frame) = take_frame(&mut self.buffer)? {
            let kind = match frame.opcode {
                OPCODE_CLOSE => return close(frame.content).map(Some),
                OPCODE_PING => return Ok(control(MessageKind::Ping, frame.content)),
                OPCODE_PONG => return Ok(control(MessageKind::Pong, frame.content)),
                OPCODE_TEXT => Some(MessageKind::Text),
                OPCODE_BINARY => Some(MessageKind::Binary),
                _ => None,
            };
            let (kind, mut content) = match (kind, self.message.take()) {
                (Some(kind), None) => (kind, BytesMut::new()),
                (None, Some(message)) => message,
                _ => return Err(PROTOCOL_ERROR),
            };
            if content.len() + frame.content.len() > MAX_MESSAGE {
                return Err(TOO_BIG);
            }
            content.extend_from_slice(&frame.content);
            if !frame.is_final {
                self.message = Some((kind, content));
                continue;
            }
            if kind == MessageKind::Text && std::str::from_utf8(&content).is_err() {
                return Err(INVALID_TEXT);
            }
            let content = content.freeze();
            return Ok(Some(Incoming::Message(Message { kind, content })));
        }
        Ok(None)
    }

    /// Sends a message. An error means that the client has disconnected or does not read.
    pub(super) async fn send(&mut self, message: &Message) -> Result<(), ()> {
        let opcode = match message.kind {
            MessageKind::Text => OPCODE_TEXT,
            MessageKind::Binary => OPCODE_BINARY,
            MessageKind::Ping => OPCODE_PING,
            MessageKind::Pong => OPCODE_PONG,
        };
        self.write(opcode, &message.content).await
    }

    /// Sends a close frame.
    pub(super) async fn close(&mut self, code: Option<u16>, reason: &str) -> Result<(), ()> {
        let mut content = Vec::new();
        if let Some(code) = code {
            content.extend_from_slice(&code.to_be_bytes());
            let longest = MAX_CONTROL - content.len();
            let end = (0..=longest.min(reason.len())).rev();
            let end = end.into_iter().find(|end| reason.is_char_boundary(*end));
            let reason = reason.as_bytes().get(..end.unwrap_or(0));
            content.extend_from_slice(reason.unwrap_or_default());
        }
        self.write(OPCODE_CLOSE, &content).await
    }

    async fn write(&mut self, opcode: u8, content: &[u8]) -> Result<(), ()> {
        let mut frame = Vec::with_capacity(content.len() + 10);
        frame.push(0x80 | opcode);
        match (u8::try_from(content.len()), u16::try_from(content.len())) {
            (Ok(length), _) if length < 126 => frame.push(length),
            (_, Ok(length)) => {
                frame.push(126);
                frame.extend_from_slice(&length.to_be_bytes());
            }
            _ => {
                frame.push(127);
                frame.extend_from_slice(&(content.len() as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(content);
        let written = async {
            self.stream.write_all(&frame).await?;
            self.stream.flush().await
        };
        match tokio::time::timeout(WRITE_TIME, written).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(()),
        }
    }

    /// Ends the connection from this side.
    pub(super) async fn shutdown(&mut self) {
        let _ = self.stream.shutdown().await;
    }
}

struct Frame {
    opcode: u8,
    is_final: bool,
    content: Bytes,
}

/// Takes a whole frame from the buffer, if there is one.
fn take_frame(buffer: &mut BytesMut) -> Result<Option<Frame>, u16> {
    let [first, second, rest @ ..] = &**buffer else {
        return Ok(None);
    };
    let (opcode, is_final) = (first & 0x0f, first & 0x80 != 0);
    let is_control = opcode & 0x08 != 0;
    let is_known = matches!(opcode, 0..=2 | OPCODE_CLOSE..=OPCODE_PONG);
    // Reserved bits are for extensions, and clients have to mask.
    if first & 0x70 != 0 || second & 0x80 == 0 || !is_known {
        return Err(PROTOCOL_ERROR);
    }
    let (extended, length) = match (second & 0x7f, rest) {
        (126, [a, b, ..]) => (2, u64::from(u16::from_be_bytes([*a, *b]))),
        (127, [a, b, c, d, e, f, g, h, ..]) => {
            (8, u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]))
        }
        (126 | 127, _) => return Ok(None),
        (length, _) => (0, u64::from(length)),
    };
    if is_control && (!is_final || length > MAX_CONTROL as u64) {
        return Err(PROTOCOL_ERROR);
    }
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > MAX_MESSAGE {
        return Err(TOO_BIG);
    }
    let head = 2 + extended + 4;
    if buffer.len() < head + length {
        return Ok(None);
    }
    buffer.advance(2 + extended);
    let mask = buffer.split_to(4);
    let mut content = buffer.split_to(length);
    for (byte, key) in content.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
    Ok(Some(Frame {
        opcode,
        is_final,
        content: content.freeze(),
    }))
}

fn control(kind: MessageKind, content: Bytes) -> Option<Incoming> {
    Some(Incoming::Message(Message { kind, content }))
}

/// Checks the code and the reason of a close frame.
fn close(content: Bytes) -> Result<Incoming, u16> {
    match &*content {
        [] => {}
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
                return Err(PROTOCOL_ERROR);
            }
            if std::str::from_utf8(reason).is_err() {
                return Err(INVALID_TEXT);
            }
        }
        _ => return Err(PROTOCOL_ERROR),
    }
    Ok(Incoming::Close(content))
}

/// The value of `Sec-WebSocket-Accept` for a request's headers; `None` if they do not request a WebSocket
/// of version 13.
pub(super) fn accept_value(headers: &HeaderMap) -> Option<HeaderValue> {
    let has = |name: header::HeaderName, token: &str| {
        let values = headers.get_all(name).into_iter();
        let mut tokens = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        tokens.any(|value| value.trim().eq_ignore_ascii_case(token))
    };
    let is_valid = has(header::CONNECTION, "upgrade")
        && has(header::UPGRADE, "websocket")
        && has(header::SEC_WEBSOCKET_VERSION, "13");
    let key = headers.get(header::SEC_WEBSOCKET_KEY)?;
    let is_key = STANDARD.decode(key).is_ok_and(|key| key.len() == 16);
    if !is_valid || !is_key {
        return None;
    }
    let mut hash = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    hash.update(key.as_bytes());
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(hash.finish()).parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A frame as a client sends it.
    fn masked(first: u8, content: &[u8]) -> Vec<u8> {
        let mut frame = vec![first];
        match content.len() {
            length @ 0..126 => frame.push(0x80 | length as u8),
            length @ 126..65_536 => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&(length as u16).to_be_bytes());
            }
            length => {
                frame.push(0x80 | 127);
                frame.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        let mask = [1, 2, 3, 4];
        frame.extend_from_slice(&mask);
        frame.extend(
            content
                .iter()
                .zip(mask.iter().cycle())
                .map(|(byte, key)| byte ^ key),
        );
        frame
    }

    async fn received(bytes: Vec<u8>) -> Vec<Incoming> {
        let (mut client, server) = tokio::io::duplex(1 << 20);
        client.write_all(&bytes).await.unwrap();
        drop(client);
        let mut socket = Socket::new(server);
        let mut all = Vec::new();
        loop {
            all.push(socket.next().await);
            if !matches!(all.last(), Some(Incoming::Message(_))) {
                return all;
            }
        }
    }

    fn text(content: &str) -> Incoming {
        Incoming::Message(Message {
            kind: MessageKind::Text,
            content: content.to_owned().into(),
        })
    }

    #[tokio::test]
    async fn next_joins_the_frames_of_a_message_around_control_frames() {
        let bytes = [
            masked(0x01, "a é".as_bytes().get(..3).unwrap()),
            masked(0x89, b"ping"),
            masked(0x80, "é".as_bytes().get(1..).unwrap()),
            masked(0x88, b"\x03\xe8bye"),
        ];
        let ping = Incoming::Message(Message {
            kind: MessageKind::Ping,
            content: Bytes::from_static(b"ping"),
        });
        let close = Incoming::Close(Bytes::from_static(b"\x03\xe8bye"));
        assert_eq!(received(bytes.concat()).await, [ping, text("a é"), close]);
    }

    #[tokio::test]
    async fn next_of_what_breaks_the_rules_is_a_violation() {
        let large = vec![b'a'; MAX_MESSAGE + 1];
        let halves = [masked(0x01, &large[..MAX_MESSAGE]), masked(0x80, b"a")].concat();
        for (bytes, code) in [
            // A reserved bit, an unknown opcode, no mask.
            (masked(0xc1, b"a"), PROTOCOL_ERROR),
            (masked(0x83, b"a"), PROTOCOL_ERROR),
            (vec![0x81, 1, b'a'], PROTOCOL_ERROR),
            // A control frame in parts, or too long.
            (masked(0x09, b"a"), PROTOCOL_ERROR),
            (masked(0x89, &[0; 126]), PROTOCOL_ERROR),
            // A part without a beginning, a beginning within a message.
            (masked(0x80, b"a"), PROTOCOL_ERROR),
            (
                [masked(0x01, b"a"), masked(0x81, b"a")].concat(),
                PROTOCOL_ERROR,
            ),
            (masked(0x81, b"\xff"), INVALID_TEXT),
            (masked(0x81, &large), TOO_BIG),
            (halves, TOO_BIG),
            (masked(0x88, b"\x03"), PROTOCOL_ERROR),
            (masked(0x88, b"\x03\xed"), PROTOCOL_ERROR),
            (masked(0x88, b"\x03\xe8\xff"), INVALID_TEXT),
        ] {
            let shown = format!("{:?}", bytes.get(..bytes.len().min(8)));
            assert_eq!(
                received(bytes).await,
                [Incoming::Violation(code)],
                "{shown}"
            );
        }
    }

    #[tokio::test]
    async fn close_shortens_a_reason_at_a_character() {
        let (client, mut server) = tokio::io::duplex(1024);
        let mut socket = Socket::new(client);
        socket.close(Some(4000), &"é".repeat(100)).await.unwrap();
        drop(socket);
        let mut bytes = Vec::new();
        server.read_to_end(&mut bytes).await.unwrap();
        assert_eq!(bytes.len(), 2 + 2 + 122);
        assert!(std::str::from_utf8(bytes.get(4..).unwrap()).is_ok());
    }

    #[test]
    fn accept_value_is_that_of_the_specification() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "WebSocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        let expected = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
        assert_eq!(accept_value(&headers).unwrap(), expected);
        headers.insert("sec-websocket-version", "8".parse().unwrap());
        assert_eq!(accept_value(&headers), None);
    }

    proptest! {
        #[test]
        fn take_frame_of_any_bytes_does_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut buffer = BytesMut::from(&*bytes);
            while let Ok(Some(_)) = take_frame(&mut buffer) {}
        }
    }
}
