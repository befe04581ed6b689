//! Properties of all routes, or of several together.

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
