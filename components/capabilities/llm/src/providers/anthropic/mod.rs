//! Anthropic: the Messages API.

pub(crate) mod config;
pub(crate) mod decoder;
mod messages;
pub(crate) mod request;
mod tools;
