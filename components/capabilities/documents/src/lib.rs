//! The `documents` capability: text of PDF documents. Has neither storage nor network access.
//!
//! The reader of PDF is our own, because a document is hostile input and a panic or too much memory ends the
//! instance with every request in it. Of the crates, `pdf-extract` panics on damaged files, `hayro-syntax`
//! inflates without a limit, and `lopdf` parses all objects at once, at up to a hundred bytes for each byte of the
//! document. This one parses only what it needs, and counts its work.
//!
//! - `pdf` reads documents: objects, streams, pages, fonts and text;
//! - `component` (WebAssembly only) implements the export.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "native builds contain the pure logic only, for its unit tests"
    )
)]

#[cfg(target_family = "wasm")]
mod component;
mod pdf;
