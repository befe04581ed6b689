//! `goldfish:moderation` that lets all pass and costs nothing by the piece. Exports
//! `goldfish:moderation/filter`; imports nothing.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(dead_code, reason = "natively there is nobody to export it to")
)]

use bindings::exports::goldfish::moderation::filter::{
    Error, Guest, GuestReplyFilter, Passed, ReplyFilter, Verdict,
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

/// A filter of replies, of which there are none here.
enum Nothing {}

impl Guest for Component {
    type ReplyFilter = Nothing;

    async fn check(texts: Vec<String>) -> Result<Vec<Verdict>, Error> {
        Ok(texts.iter().map(|_| Verdict::Pass).collect())
    }
}

impl GuestReplyFilter for Nothing {
    async fn open() -> Result<Option<ReplyFilter>, Error> {
        Ok(None)
    }

    fn next(&self, _: String) -> Passed {
        match *self {}
    }

    fn rest(&self) -> Passed {
        match *self {}
    }
}
