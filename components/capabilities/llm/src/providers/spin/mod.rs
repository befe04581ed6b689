//! Spin's serverless AI, where the host has it. It responds all at once.

pub(crate) mod config;
#[cfg(target_family = "wasm")]
pub(crate) mod inference;
pub(crate) mod prompt;
