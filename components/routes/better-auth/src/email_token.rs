//! Tokens that were sent by email.

/// Maximum length of a token, in bytes.
pub(crate) const MAX_TOKEN_BYTES: usize = 4096;
