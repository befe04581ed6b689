//! Sends email through the operator's webhook. Exports `goldfish:mail`.
//!
//! `webhook` builds the requests and has no effects; `component` has the variables, the network and the
//! clock.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

mod webhook;

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
        world: "mail",
        path: "../../../wit/mail",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        pub_export_macro: true,
        generate_all,
    });
}

use bindings::exports::goldfish::mail::sender::{Message, Template};
