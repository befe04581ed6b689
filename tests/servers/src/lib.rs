//! Real servers that the tests and the benchmark start on loopback. May not import anything of the product.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod postgres;

pub use postgres::PostgresServer;
