//! Drivers for the tests of what is built on this library: SQLite in a file, and a PostgreSQL server that is started
//! where it is installed.
#![allow(
    missing_docs,
    missing_debug_implementations,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "for tests only"
)]

mod driver;
mod server;

pub use driver::{Driver, Statement};
