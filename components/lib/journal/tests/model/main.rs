//! The pieces above the journal against plain in-memory models: random interleavings of two instances,
//! each of which may be killed, stalled or failed by the store at any of its operations.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod aggregate;
mod blob;
mod history;
mod list;
mod tree;
mod unique;

use journal::testing::Fault;
use proptest::prelude::*;

/// A fault, and the operation of an instance at which it happens.
fn faults() -> impl Strategy<Value = (u64, Fault)> {
    let fault = prop_oneof![
        Just(Fault::DieBefore),
        Just(Fault::DieAfter),
        Just(Fault::Fail),
        Just(Fault::FailAfter),
        (0_u64..8_000).prop_map(Fault::Stall),
    ];
    (0_u64..40, fault)
}
