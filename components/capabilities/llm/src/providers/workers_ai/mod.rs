//! Cloudflare Workers AI: its REST API, or the same behind an AI Gateway.

pub(crate) mod client;
pub(crate) mod config;
pub(crate) mod conversions;
