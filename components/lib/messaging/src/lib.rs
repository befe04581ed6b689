//! Team messaging on SQL: the rules, the statements and the migrations behind `goldfish:messaging`. A
//! component brings a connection to a [`sql::Database`] and exports [`Messaging`].
//!
//! May not import anything of the platform: the components have the drivers.
//!
//! | module | |
//! |---|---|
//! | `database` | statements, whose failures are errors of the contract |
//! | `migrations` | the tables and triggers, applied once |
//! | `rules` | who may do what, as pure functions |
//! | `facts` | what the rules have to know of a channel, a thread or a message |
//! | `input`, `text` | checks of the input; words and mentions in texts |
//! | `page` | lists in pages |
//! | `profiles`, `channels`, `members`, `invitations`, `threads`, `messages`, `attachments`, `erasure` | the operations |
//! | `events`, `connections` | what happened, for those who follow it, and their sockets |
//! | `service` | the exports |
//!
//! # Writing
//! Each change is one statement, so it is applied as a whole or not at all, and no transaction is left open
//! on a pooled connection. What follows from a change in other tables is done by triggers.
//!
//! An operation reads facts, lets a rule decide, and writes on condition that the facts still hold. For
//! everything about members the condition is `membership_version` of the channel, which each change of a
//! membership raises: if it is still the same, every fact about memberships is. Otherwise the operation
//! begins again. PostgreSQL locks the row of the channel before it compares; on SQLite there is one writer
//! at a time. Posting is one statement that contains all conditions.
//!
//! # Numbers
//! A message takes the number after `threads.last_number`, whose row is locked from then until the message
//! is committed. So a reader never sees a number before those below it. The events of a channel or a user take
//! theirs from `event_streams` in the same way, after all other rows.

mod attachments;
mod channels;
mod connections;
mod database;
mod erasure;
mod events;
mod facts;
mod input;
mod invitations;
mod members;
mod messages;
mod migrations;
mod page;
mod profiles;
mod rules;
mod service;
mod text;
mod threads;

#[cfg(test)]
mod tests;

pub use migrations::MIGRATIONS;
pub use service::Messaging;

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
        world: "messaging",
        path: "../../../wit/messaging",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        pub_export_macro: true,
        additional_derives: [PartialEq],
        generate_all,
    });
}

/// The types of the contract that the interfaces share.
pub(crate) use bindings::exports::goldfish::messaging::types;

/// The context of an operation.
pub(crate) struct Session<'a, D> {
    pub(crate) database: &'a D,
    /// Milliseconds since the epoch.
    pub(crate) now: u64,
}

/// How often an operation begins again because its facts have changed.
pub(crate) const ATTEMPTS_MAX: usize = 16;

/// The error after [`ATTEMPTS_MAX`] attempts.
pub(crate) fn contended() -> types::Error {
    types::Error::Unavailable("messaging: the channel is being changed too often".to_owned())
}
