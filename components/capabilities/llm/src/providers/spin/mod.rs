//! Spin's serverless AI, where the host has it. It answers all at once.

#[cfg(target_family = "wasm")]
pub(crate) mod client;
pub(crate) mod config;
pub(crate) mod conversions;
