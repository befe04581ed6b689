//! Sign-in with GitHub and Google. Exports `goldfish:oauth`.
//!
//! | module | |
//! |---|---|
//! | `component` | the exports: variables, network and clock |
//! | `github`, `google` | the protocol of each provider |
//! | `request` | the authorization URL and the requests |
//! | `response` | what all responses have in common: statuses, OAuth errors, limits |
//! | `settings` | the configured providers and their URLs |
//!
//! All modules but `component` have no effects. Error texts contain nothing that a provider, a browser or
//! an operator sent.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

mod github;
mod google;
mod request;
mod response;
mod settings;

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
        world: "oauth",
        path: "../../../wit/oauth",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        additional_derives: [PartialEq],
        pub_export_macro: true,
        generate_all,
    });
}

use bindings::exports::goldfish::oauth::authorization::{Error, Profile};
