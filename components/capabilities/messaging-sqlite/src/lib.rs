//! Team messaging in the SQLite database of the host. Exports `goldfish:messaging`; everything but the driver is in
//! the library `messaging`.
//!
//! # Crashes
//! A commit is in the database's write-ahead log before it is acknowledged, so it survives the end of the process at
//! any moment. It is not forced to the disk: after a power failure the last commits may be missing, and the rest is
//! consistent.

#[cfg(target_family = "wasm")]
mod component;
