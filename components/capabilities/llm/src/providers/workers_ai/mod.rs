//! Workers AI: the models of Cloudflare.

pub(crate) mod config;
pub(crate) mod decoder;
pub(crate) mod request;
