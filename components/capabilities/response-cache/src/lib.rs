//! A cache of responses, for repeated requests. Exports `goldfish:response-cache`.
//!
//! | module | |
//! |---|---|
//! | `entry` | what is stored of a response |
//! | `keys` | the keys in the store |
//! | `cache` | lookup, storing and erasing, on any platform |
//! | `settings` | the variables |
//! | `component` | the export, with the store, the variables and the clock |
//!
//! # Size
//! Stores can neither list keys nor expire them. So a user's cache is a table of 64 slots, and the
//! fingerprint of a request selects the slot of its response; what was there is overwritten. An expired
//! response is deleted when a lookup finds it. Without a lookup it stays until another response takes
//! its slot, or the cache is erased.
//!
//! # Sharing
//! A response is always in the cache of the user who requested it first, so that erasing finds it. If the
//! cache is shared, a common table of 4,096 slots has the user whose cache has the response to a request. That
//! may be out of date. The fingerprint in the slot shows whether it is.
//!
//! # Erasing
//! A response may be on its way while its user's cache is erased. Each cache has a *generation*, a random
//! name that erasing ends. A response belongs to the generation in which it was looked up. It is not stored
//! in another one, and it is deleted again if that one began while it was being written.
//!
//! # Cost
//! A hit takes one get (shared: up to three). A miss takes two, and storing the response two more and one
//! write; the first one of a user takes another write. Erasing a cache that was never used takes one get.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the part without the host is built, for its unit tests"
    )
)]

mod cache;
mod entry;
mod keys;
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
        world: "response-cache",
        path: "../../../wit/response-cache",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        pub_export_macro: true,
        generate_all,
    });
}
