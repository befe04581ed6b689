//! Answers kept for a while, and given again to who asks the same. Exports
//! `goldfish:response-cache`.
//!
//! | module | |
//! |---|---|
//! | `entry` | what is stored of an answer |
//! | `names` | where things are in the store |
//! | `cache` | finding, keeping and clearing, over any store |
//! | `settings` | the variables' meaning |
//! | `component` | the store, the variables and the clock around that |
//!
//! # How it stays small
//! Stores can neither list keys nor let them expire. So a user's cache is a table of 64 places, and
//! the fingerprint of a question says which one its answer takes, whatever was there before. What has
//! expired is erased when it is come upon, and what nobody asks for again lies in one of these places
//! until another answer takes it or the user's cache is cleared.
//!
//! # How it is shared
//! Answers always lie with the user who asked first, so that clearing finds them. Where all users
//! share, a table of 4,096 places for all says with whom the answer to a question lies. What it says
//! may be out of date, which the fingerprint beside the answer shows.
//!
//! # Why nothing comes back
//! An answer may be on its way while its user clears the cache. Each cache has a *period*, a random
//! name kept beside it, which clearing ends. An answer belongs to the period in which it was looked
//! for; it is not kept in another one, and erased if that one began while it was being written.
//!
//! # What it costs
//! A hit: one get (shared: up to three). A miss: two gets, and two more with one write for keeping
//! the answer; the first of a user, one write more. Clearing what was never used: one get.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the effect-free part is built, for its unit tests"
    )
)]

mod cache;
mod entry;
mod names;
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
