//! OpenAI: Chat Completions. Most other servers implement its API too.

pub(crate) mod config;
pub(crate) mod decoder;
pub(crate) mod messages;
mod reasoning_details;
pub(crate) mod request;
pub(crate) mod responses;
pub(crate) mod usage;
