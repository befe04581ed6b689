//! Team messaging in PostgreSQL. Exports `goldfish:messaging`; everything but the driver is in the library
//! `messaging`.
//!
//! Connections are pooled by the host, one for each call. They are returned without a reset, so no statement leaves a
//! transaction open.

#[cfg(target_family = "wasm")]
mod component;
