//! The budget of a document: what it may cost to read.

use std::cell::Cell;

/// Why a document cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is no PDF, or so damaged that it has no pages.
    Malformed,
    /// It needs a password or a key.
    Encrypted,
    /// Reading it would take too much work or memory.
    TooComplex,
}

/// Bytes that may be looked at, inflated or written for one document: a few seconds at most.
const WORK: u64 = 200_000_000;

/// The work that is left.
pub(super) struct Fuel(Cell<u64>);

impl Fuel {
    pub(super) fn new() -> Self {
        Self(Cell::new(WORK))
    }

    /// Takes the work for that many bytes.
    ///
    /// # Errors
    /// If less is left.
    pub(super) fn take(&self, bytes: usize) -> Result<(), Fault> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let left = self.0.get().checked_sub(bytes).ok_or(Fault::TooComplex)?;
        self.0.set(left);
        Ok(())
    }
}
