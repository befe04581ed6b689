//! Anthropic: the Messages API.

pub(crate) mod client;
pub(crate) mod config;
pub(crate) mod conversions;
mod messages;
