//! OpenAI: Chat Completions. What it sends is also what OpenAI-compatible servers send.

pub(crate) mod client;
pub(crate) mod config;
pub(crate) mod conversions;
