//! The exports, and the state of an instance.

mod counters;
mod credits;
mod limits;
mod user_data;
mod variables;

use std::time::{SystemTime, UNIX_EPOCH};

struct Quota;

mod export {
    #![allow(unsafe_code, unreachable_pub, reason = "generated")]
    use super::Quota;
    crate::bindings::export!(Quota with_types_in crate::bindings);
}

/// Milliseconds since the epoch.
fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| {
            u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
        })
}
