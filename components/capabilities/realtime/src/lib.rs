//! Publishes through the proxy that holds WebSockets and streams. Exports `goldfish:realtime`.
//!
//! `publication` writes requests of GRIP and `signature` proves them, without effects; `component` has the
//! variables, the network and the clock.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

mod publication;
mod signature;

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
        world: "realtime",
        path: "../../../wit/realtime",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        pub_export_macro: true,
        generate_all,
    });
}

use bindings::exports::goldfish::realtime::proxy::{Action, Item};
