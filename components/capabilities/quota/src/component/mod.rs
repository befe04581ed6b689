//! The exports, and the state of an instance.

mod counters;
mod credits;
mod limits;
mod user_data;
mod variables;

struct Quota;

mod export {
    #![allow(unsafe_code, unreachable_pub, reason = "generated")]
    use super::Quota;
    crate::bindings::export!(Quota with_types_in crate::bindings);
}
