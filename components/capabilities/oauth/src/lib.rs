//! Asking GitHub and Google who somebody is. Exports `goldfish:oauth`.
//!
//! | module | |
//! |---|---|
//! | `settings` | which providers are configured, and where they are |
//! | `request` | the authorization URL and the requests, as values |
//! | `answer` | what all answers have in common: statuses, OAuth errors, bounds |
//! | `github`, `google` | what each provider says, and what we make of it |
//! | `component` | the variables, the network and the clock around all that |
//!
//! Everything but `component` is free of effects. Texts of errors name what went wrong and hold
//! nothing that a provider, a browser or an operator sent.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

mod answer;
mod github;
mod google;
mod request;
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
