//! Append-only streams on SQL: the rules, the statements and the migrations behind `goldfish:streams`. A
//! component brings a connection to a [`sql::Database`] and exports [`Streams`].
//!
//! May not import anything of the platform: the components have the drivers.
//!
//! | module | |
//! |---|---|
//! | `stream` | a stream as it is stored |
//! | `content` | JSON streams, and what earlier versions stored |
//! | `create`, `append`, `read`, `remove`, `list`, `readers` | the operations |
//! | `limits` | how much a user may have |
//! | `following` | waiting for the next append |
//! | `signal` | how an append wakes the calls that wait for it |
//! | `sending` | a part of a stream into a stream of bytes |
//! | `service` | the exports |
//!
//! # Writing
//! Each change is one statement, so it is applied as a whole or not at all. An append is a row with the next
//! number, which is its key: of two that take the same number one is not inserted, and takes the next. All that
//! an append changes (the tail, whether the stream is closed, the state of its producer) is what the last rows
//! contain, so no other row has to be updated.
//!
//! # Forks
//! A fork has no copy of its source. It says up to which position the source's content is its own, and reading
//! follows the chain of sources.

mod append;
mod content;
mod create;
mod following;
mod limits;
mod list;
mod read;
mod readers;
mod remove;
#[cfg(target_family = "wasm")]
mod sending;
mod service;
mod signal;
mod stream;

#[cfg(test)]
mod tests;

pub use limits::Platform;
pub use service::Streams;

#[doc(hidden)]
#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    dead_code,
    clippy::all,
    clippy::restriction,
    reason = "generated"
)]
pub mod bindings {
    wit_bindgen::generate!({
        world: "streams-provider",
        path: "../../../wit/streams",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        additional_derives: [PartialEq],
        pub_export_macro: true,
        generate_all,
    });
}

/// The types of the contract.
pub(crate) use bindings::exports::goldfish::streams::types;

/// The tables.
pub const MIGRATIONS: sql::Migrations = sql::Migrations {
    table: "streams_migrations",
    lock: 7_162_532_017,
    list: &[
        sql::Migration {
            sqlite: include_str!("../migrations/0001_tables.sql"),
            postgres: include_str!("../migrations/0001_tables.sql"),
        },
        sql::Migration {
            sqlite: include_str!("../migrations/0002_usage.sqlite.sql"),
            postgres: include_str!("../migrations/0002_usage.postgres.sql"),
        },
        sql::Migration {
            sqlite: include_str!("../migrations/0003_content.sql"),
            postgres: include_str!("../migrations/0003_content.sql"),
        },
    ],
};

/// How often an operation begins again because another one was faster.
const ATTEMPTS_MAX: usize = 64;

/// The context of an operation.
pub(crate) struct Session<'a, D> {
    pub(crate) database: &'a D,
    /// Milliseconds since the epoch.
    pub(crate) now: u64,
    pub(crate) limits: limits::Limits,
}

/// The error after [`ATTEMPTS_MAX`] attempts.
fn contended() -> types::Error {
    types::Error::Unavailable("the stream is being changed too often".to_owned())
}

impl From<sql::Unavailable> for types::Error {
    fn from(error: sql::Unavailable) -> Self {
        Self::Unavailable(error.0)
    }
}
