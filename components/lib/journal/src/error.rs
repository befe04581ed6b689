use std::fmt;

/// Why a journal could not do something. Texts are for the log and hold no content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The store returned an error.
    Store(String),
    /// The store did not respond within [`crate::CALL_DEADLINE`].
    Timeout,
    /// The store is so slow that nothing can be promised; try again.
    TooSlow,
    /// A value is longer than [`crate::VALUE_MAX`].
    TooLarge,
    /// Something stored was written by a later version of this program.
    Newer,
    /// Something stored cannot be made sense of, and skipping it would lose data.
    Corrupt(&'static str),
    /// The blob was erased while it was read or written.
    Erased,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(text) => write!(f, "the store failed: {text}"),
            Self::Timeout => f.write_str("the store did not respond in time"),
            Self::TooSlow => f.write_str("the store is too slow"),
            Self::TooLarge => f.write_str("a value is too large for the store"),
            Self::Newer => f.write_str("the journal was written by a later version"),
            Self::Corrupt(what) => write!(f, "the journal is damaged: {what}"),
            Self::Erased => f.write_str("it was erased meanwhile"),
        }
    }
}

impl std::error::Error for Error {}
