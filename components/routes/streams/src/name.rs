//! Names of streams.

/// What a request for a stream did not find.
pub(crate) const STREAM: &str = "Stream";

/// Longest name, in bytes.
pub(crate) const MAX_NAME: usize = 256;
