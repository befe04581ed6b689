//! A small program that answers when nothing else is configured, and says so. It makes the first
//! run need no key, and shows streaming.

pub(crate) mod conversions;
mod sample;
