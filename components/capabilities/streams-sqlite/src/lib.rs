//! Append-only streams in the SQLite database of the host. Exports `goldfish:streams`; everything but the driver is in the library
//! `streams`.

#[cfg(target_family = "wasm")]
mod component;
