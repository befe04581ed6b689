//! Accounts, their sessions and their API keys. Exports `goldfish:accounts`.
//!
//! | module | |
//! |---|---|
//! | `component` | the exports: variables, store and clock |
//! | `registration`, `sessions`, `recovery`, `api_keys`, `directory` | the interfaces of the contract |
//! | `oauth_sign_in`, `oauth_linking` | signing in with OAuth providers, and linking identities |
//! | `oauth_flow` | the state of an OAuth sign-in, sealed for a cookie |
//! | `oauth` | profiles of OAuth providers |
//! | `session_tokens` | new sessions and their tokens |
//! | `views` | accounts and sessions as the contract returns them |
//! | `claims` | unique ownership of an email address or a linked identity |
//! | `accounts` | reading and appending to a user's journal |
//! | `effects` | storage rules of the aggregate, and effects of events outside of the journal |
//! | `account` | the state of one user and the events that change it |
//! | `unique_name` | the names of claims |
//! | `password` | hashing passwords, and rejecting weak ones |
//! | `fields` | validation of names, addresses and URLs |
//! | `key_count` | counting the keys of the store |
//!
//! The journal is the source of truth. Revocation markers, API key records, claims and the
//! operator's directory are derived from it; if a writer fails to write them, the next reader does.
//! Whether an event is accepted is decided by the aggregate alone, so that concurrent writers agree.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "native builds contain only the logic, for its unit tests"
    )
)]

mod account;
mod accounts;
mod api_keys;
mod claims;
mod directory;
mod effects;
mod fields;
mod key_count;
mod oauth;
mod oauth_flow;
mod oauth_linking;
mod oauth_sign_in;
mod password;
mod recovery;
mod registration;
mod session_tokens;
mod sessions;
#[cfg(test)]
mod testing;
mod unique_name;
mod views;

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
