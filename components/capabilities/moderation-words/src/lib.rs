//! An implementation of `goldfish:moderation` with a list of words and regular expressions. It is an
//! example: word lists miss misspelled and paraphrased text.
//!
//! - `settings` parses the operator's variables, `rules` compiles words and patterns;
//! - `matcher` finds a match at one position of a text, `filter` applies rules to streamed text;
//! - `component` (WebAssembly only) implements the exports.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "native builds contain the pure logic only, for its unit tests"
    )
)]

#[cfg(target_family = "wasm")]
mod component;
mod filter;
mod matcher;
mod rules;
mod settings;
