//! Who is asking: with a token or an API key that we made ourselves, with the session cookie that a
//! frontend sealed with WorkOS' SDK, or with a Clerk session token. Exports `goldfish:identity`.
//!
//! | module | |
//! |---|---|
//! | `presented` | which of the credentials of a request counts |
//! | `ours` | the tokens and API keys that we made ourselves |
//! | `revocation` | sessions that are refused |
//! | `principals` | from what `credentials` verified to what the contract says |
//! | `jwks` | outside providers' public keys, cached and rotated |
//! | `seal` | the iron seal of a WorkOS cookie |
//! | `workos` | from a WorkOS cookie to a user |
//! | `renewal` | refreshing a WorkOS session, once for all who ask at the same time |
//! | `clerk` | from a Clerk session token to a user |
//! | `component` | the store, the variables, the network and the clock around all that |
//!
//! In the store, besides what `credentials` describes and the journal of the signing secret:
//!
//! | key | value |
//! |---|---|
//! | `identity:jwks:<hash of a URL>` | a provider's key set as last fetched |
//! | `identity:w:<place>` | a WorkOS session as last refreshed, sealed; see `renewal` |
//!
//! Everything but `component` has no effects but on the store it is given, and takes the time as an
//! argument. Makes no
//! account, and no credential but a renewed session cookie: that is `goldfish:accounts`.

#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the effect-free part is built, for its unit tests"
    )
)]

mod clerk;
mod jwks;
mod ours;
mod presented;
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
