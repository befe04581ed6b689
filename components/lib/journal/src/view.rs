use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The meaning of entries: a state, and how an entry changes it.
///
/// `apply` must depend on nothing but its arguments, or readers would disagree.
pub trait Fold: Default + Serialize + DeserializeOwned {
    /// The version of `Self` and `Entry` as they are stored. Data of a later version is
    /// rejected rather than misread.
    const VERSION: u32;

    /// The type of entries.
    type Entry: Serialize + DeserializeOwned;

    /// Takes in the entry of this number. An entry that cannot apply changes nothing.
    fn apply(&mut self, number: u64, entry: Self::Entry);

    /// The highest number up to `position` below and at which no entry waits for a key of its own
    /// (such as a reply that is still to come); entries above it are not erased.
    fn settled(&self, position: u64) -> u64 {
        position
    }
}

/// State as one reader knows it.
#[derive(Debug, Clone)]
pub struct View<F> {
    /// The state, up to and including `position`.
    pub state: F,
    pub(crate) position: u64,
    pub(crate) tail: u64,
    pub(crate) snapshot_bytes: usize,
    pub(crate) marks: Vec<Mark>,
    pub(crate) erased: u64,
    pub(crate) basis: u64,
}

impl<F> View<F> {
    /// The number of the last entry in `state`; 0 when there is none.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// How many entries the stored snapshot lacks.
    pub fn tail(&self) -> u64 {
        self.tail
    }

    /// How long the stored snapshot is, in bytes.
    pub fn snapshot_bytes(&self) -> usize {
        self.snapshot_bytes
    }

    /// The number up to which entries have been erased.
    pub fn erased(&self) -> u64 {
        self.erased
    }
}

/// Says that a position had been reached, and everything up to it settled, at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub(crate) position: u64,
    pub(crate) at: u64,
}

/// An entry as it is stored; a void one has no fact.
#[derive(Serialize, Deserialize)]
pub(crate) struct Envelope<E> {
    pub(crate) v: u32,
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub(crate) e: Option<E>,
}

fn none<E>() -> Option<E> {
    None
}

/// A snapshot as it is stored.
#[derive(Serialize, Deserialize)]
pub(crate) struct Saved<S> {
    pub(crate) v: u32,
    pub(crate) position: u64,
    pub(crate) erased: u64,
    pub(crate) marks: Vec<Mark>,
    pub(crate) state: S,
}

/// Only the version of something stored.
#[derive(Deserialize)]
pub(crate) struct Version {
    pub(crate) v: u32,
}
