//! Accounts, their sessions and their API keys. Exports `goldfish:accounts`.
//!
//! | module | |
//! |---|---|
//! | `account` | what is known of one user: the facts of the journal, and what they add up to |
//! | `accounts` | reading and appending to a user's journal |
//! | `tidying` | the chores that facts leave: markers, records, claims, erasing |
//! | `claims` | owning an email address or an outside identity: the first to claim it wins |
//! | `fields` | what a person may type |
//! | `password` | hashing passwords, and refusing those that are guessed first |
//! | `issuing` | what is handed out: accounts, sessions and their tokens |
//! | `registration`, `sessions`, `recovery`, `api_keys`, `directory` | the contract's interfaces |
//! | `census` | how many keys there are in the store |
//! | `linked`, `linking` | signing in through OAuth providers, and linking them |
//! | `flows` | what a browser remembers while its user is away at an OAuth provider |
//! | `component` | the exports: variables, the store and the clock around all that |
//!
//! Facts come first: whatever else is written (revocation markers, records of API keys, claims, the
//! operator's directory) follows from them, and is written again by the next one who finds it
//! undone. Every decision is the fold's, so that writers on different instances agree.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

mod account;
mod accounts;
mod api_keys;
mod census;
mod claims;
mod directory;
mod fields;
mod flows;
mod issuing;
mod linked;
mod linking;
mod password;
mod recovery;
mod registration;
mod sessions;
#[cfg(test)]
mod testing;
mod tidying;

#[cfg(target_family = "wasm")]
mod component;

#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    dead_code,
    clippy::all,
    clippy::restriction,
    reason = "generated"
)]
mod bindings {
    wit_bindgen::generate!({
        world: "accounts",
        path: "../../../wit/accounts",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        additional_derives: [PartialEq],
        pub_export_macro: true,
        generate_all,
    });
}

use bindings::exports::goldfish::accounts::types;

impl From<journal::Error> for types::Error {
    fn from(error: journal::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}
