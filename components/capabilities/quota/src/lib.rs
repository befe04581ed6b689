//! How often somebody may do something, and how much of it: sliding-window limits, and a ledger of
//! credits for each user, both counted over all instances in the store. Exports `goldfish:quota`.
//!
//! | module | |
//! |---|---|
//! | `window` | the arithmetic of a sliding window |
//! | `book` | who holds which slots; what is written and read when |
//! | `subject` | from a user id or an address to a storage key |
//! | `settings` | the limits, from their variables |
//! | `plans` | the plans there are |
//! | `credits` | the ledgers: what users may spend and have spent |
//! | `component` | the store, the variables and the clock around that |
//!
//! # What limits cost
//! A chat costs one write, an `increment`, and the first one of a subject in a minute one more, the
//! mark of the new minute. Other requests are counted in leases, one write for several requests
//! (`book::lease_after`). Refused requests write nothing, and neither does a limit of 0. A subject
//! has two keys in the store, however long it stays; losing them does no harm but to forget the
//! last two minutes.

#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the effect-free part is built, for its unit tests"
    )
)]

mod book;
mod credits;
mod plans;
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
