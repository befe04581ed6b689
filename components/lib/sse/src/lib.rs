//! Server-sent events: [`Parser`] reads the streams of providers, [`Encoder`] writes ours. Works on
//! bytes; may not import anything that does I/O.
//!
//! Source: WHATWG HTML, §9.2 "Server-sent events".

mod encode;
mod parse;

pub use encode::Encoder;
pub use parse::{Event, MAX_EVENT_BYTES, Parser, TooLarge};
