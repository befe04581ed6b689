//! The default implementation of `goldfish:moderation`: allows every text. Imports nothing.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(dead_code, reason = "the exports exist in WebAssembly builds only")
)]

use bindings::exports::goldfish::moderation::filter::{
    Error, FilteredText, Guest, GuestReplyFilter, ReplyFilter, Verdict,
};

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
        world: "moderation",
        path: "../../../wit/moderation",
        generate_all,
    });
    #[cfg(target_family = "wasm")]
    use super::Component;
    #[cfg(target_family = "wasm")]
    export!(Component);
}

struct Component;

/// The reply filter's type. `open` never returns one, so it has no values.
enum NoFilter {}

impl Guest for Component {
    type ReplyFilter = NoFilter;

    async fn check(texts: Vec<String>) -> Result<Vec<Verdict>, Error> {
        Ok(texts.iter().map(|_| Verdict::Allow).collect())
    }
}

impl GuestReplyFilter for NoFilter {
    async fn open() -> Result<Option<ReplyFilter>, Error> {
        Ok(None)
    }

    fn push(&self, _: String) -> FilteredText {
        match *self {}
    }

    fn finish(&self) -> FilteredText {
        match *self {}
    }
}
