//! Rate limits and credits, both counted over all instances in the store. Exports `goldfish:quota`.
//!
//! | module | |
//! |---|---|
//! | `window` | the arithmetic of a sliding window |
//! | `rate_limiter` | which request takes which slot of a window, and what is read and written when |
//! | `subject` | from a user id or an address to a storage key |
//! | `settings` | the limits, from their variables |
//! | `plans` | the plans |
//! | `credits` | the ledgers: what users may spend and have spent |
//! | `component` | the exports, with the store, the variables and the clock |
//!
//! # Cost of rate limits
//! A chat takes one write, an `increment`. The first one of a subject in a minute takes another write, the
//! mark of the new minute. Other requests are counted in leases, one write for several requests
//! (`rate_limiter::lease_after`). Refused requests and limits of 0 write nothing. A subject has two keys in
//! the store. If they are lost, only the counts of the last two minutes are.

#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the part without the host is built, for its unit tests"
    )
)]

mod credits;
mod plans;
mod rate_limiter;
mod settings;
mod subject;
mod window;

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
        world: "quota",
        path: "../../../wit/quota",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        additional_derives: [PartialEq],
        pub_export_macro: true,
        generate_all,
    });
}

use bindings::exports::goldfish::quota as exports;
