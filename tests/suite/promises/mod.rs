//! What holds on every route, or across several.

mod concurrency;
mod durability;
pub(crate) mod edge;
mod erasure;
mod isolation;
mod moderation;
mod privacy;
mod rate_limits;
mod sign_in_attacks;
mod slow_readers;
