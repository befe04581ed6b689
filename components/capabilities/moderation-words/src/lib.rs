//! `goldfish:moderation` by a list of words and of regular expressions. An example to start from:
//! lists find what is written as in the list, and nobody who means to be understood.
//!
//! - `settings` reads the operator's variables, `rules` what is looked for;
//! - `matcher` says what begins at one place of a text, `filter` goes through a text as it comes;
//! - `component` (WebAssembly only) exports it.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

#[cfg(target_family = "wasm")]
mod component;
mod filter;
mod matcher;
mod rules;
mod settings;
