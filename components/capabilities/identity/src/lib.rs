//! Authentication with this application's tokens and API keys, WorkOS session cookies and Clerk session
//! tokens. Exports `goldfish:identity`.
//!
//! | module | |
//! |---|---|
//! | `component` | the exports: variables, store, network and clock |
//! | `credential` | which credential of a request is verified |
//! | `own_credentials` | this application's tokens and API keys |
//! | `workos` | from a WorkOS cookie to a user |
//! | `renewal` | refreshing a WorkOS session once for all concurrent requests |
//! | `clerk` | from a Clerk session token to a user |
//! | `seal` | the iron seal of a WorkOS cookie |
//! | `jwks` | public keys of identity providers: cache and rotation |
//! | `revocation` | markers of revoked sessions |
//! | `principals` | from verified credentials to the contract's types |
//!
//! Keys in the store, in addition to those of `credentials` and the journal of the signing secret:
//!
//! | key | value |
//! |---|---|
//! | `identity:jwks:<hash of a URL>` | a provider's key set as last fetched |
//! | `identity:w:<slot>` | a WorkOS session as last refreshed, sealed; see `renewal` |
//!
//! All modules but `component` have no effects except on the store they are given, and take the time as
//! an argument. This capability creates no account, and no credential except a renewed cookie.

#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "native builds contain only the logic, for its unit tests"
    )
)]

mod clerk;
mod credential;
mod jwks;
mod own_credentials;
mod principals;
mod renewal;
mod revocation;
mod seal;
mod workos;

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
        world: "identity",
        path: "../../../wit/identity",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        additional_derives: [PartialEq],
        pub_export_macro: true,
        generate_all,
    });
}

use bindings::exports::goldfish::identity::types;
