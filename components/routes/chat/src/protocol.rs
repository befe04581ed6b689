//! The protocols in which a reply is streamed.

use completion::TextEncoder;
use contracts::conversations::{turns::ReplyInfo, types::EvictedConversation};
use http_edge::Response;
use sse::Encoder;

use crate::{ai_sdk::chunks, native, reply_end::ReplyEnd};

/// What the client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// goldfish's own events.
    Native,
    /// The AI SDK's UI message stream.
    AiSdk,
}

impl Protocol {
    /// The first events: which message is being replied to, and where the reply is stored.
    pub(crate) fn opening(self, info: &ReplyInfo, model: &str) -> Vec<u8> {
        match self {
            Self::Native => native::conversation(info, model),
            Self::AiSdk => chunks::opening(info, model),
        }
    }

    /// Says which conversations were evicted for the reply.
    pub(crate) fn evicted(
        self,
        out: &mut Encoder,
        (info, model): (&ReplyInfo, &str),
        evicted: &[EvictedConversation],
    ) {
        if !evicted.is_empty() {
            match self {
                Self::Native => native::evicted(out, info, model, evicted),
                Self::AiSdk => chunks::evicted(out, evicted),
            }
        }
    }

    /// Adds the header by which clients recognise the protocol, where there is one.
    pub(crate) fn mark(self, response: Response) -> Response {
        match self {
            Self::Native => response,
            Self::AiSdk => response.header("x-vercel-ai-ui-message-stream", "v1"),
        }
    }
}

/// Writes the deltas of one reply, and its end.
pub(crate) struct DeltaEncoder {
    protocol: Protocol,
    /// The number of the last delta, counted from 1.
    number: u64,
    /// How much reasoning there was, in UTF-16 units.
    reasoning: usize,
    /// Of the AI SDK's message.
    parts: chunks::Parts,
}

impl DeltaEncoder {
    /// An encoder for the deltas after number `after`.
    pub(crate) fn new(protocol: Protocol, after: u64) -> Self {
        Self {
            protocol,
            number: after,
            reasoning: 0,
            parts: chunks::Parts::default(),
        }
    }

    /// The last events.
    pub(crate) fn end(&mut self, end: &ReplyEnd<'_>) -> Vec<u8> {
        match self.protocol {
            Protocol::Native => native::end(end),
            Protocol::AiSdk => chunks::end(&mut self.parts, end),
        }
    }
}

impl TextEncoder for DeltaEncoder {
    fn text(&mut self, out: &mut Encoder, text: &str) {
        self.number = self.number.saturating_add(1);
        match self.protocol {
            Protocol::Native => native::content(out, self.number, text),
            Protocol::AiSdk => self.parts.text(out, text),
        }
    }

    fn reasoning(&mut self, out: &mut Encoder, text: &str) {
        match self.protocol {
            Protocol::Native => {
                native::reasoning(out, self.reasoning, text);
                let units = text.encode_utf16().count();
                self.reasoning = self.reasoning.saturating_add(units);
            }
            Protocol::AiSdk => self.parts.reasoning(out, text),
        }
    }
}
