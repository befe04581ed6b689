//! server-timing.
