//! Server-sent events, both ways: [`Parser`] reads what providers send, [`Encoder`] writes what we
//! answer. Bytes in, bytes out; may not import anything that does I/O.
//!
//! Source: WHATWG HTML, §9.2 "Server-sent events".

mod encode;
mod parse;

pub use encode::Encoder;
pub use parse::{Event, MAX_EVENT_BYTES, Parser, TooLarge};
