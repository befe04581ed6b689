//! Names of streams.

/// The name of a missing stream, for errors.
pub(crate) const STREAM: &str = "Stream";

/// Longest name, in bytes.
pub(crate) const MAX_NAME: usize = 256;
