//! A small program that replies when no provider is configured, and says what it is. It makes the first
//! run work without a key.

mod commands;
pub(crate) mod responder;
mod sample;
