//! Append-only streams in PostgreSQL. Exports `goldfish:streams`; everything but the driver is in the library
//! `streams`.

#[cfg(target_family = "wasm")]
mod component;
