//! An append-only journal over a key-value store that can do no more than get, set, delete and
//! count: no listing, no expiry, no compare-and-swap.
//!
//! May not import HTTP, and does not know what the entries mean.
//!
//! # Layout
//! Journal `J` keeps its entries at `J:1`, `J:2`, …, the counter that hands out their numbers at
//! `J:n`, and its snapshot at `J:s`. What an entry means is a [`Fold`]: a pure function from
//! entries, in order, to state.
//!
//! # Invariants
//! 1. **Numbers.** A number is handed out once, by an atomic increment. Two writers never meet on
//!    a key, so nothing is ever overwritten by another writer's different value.
//! 2. **No gap below what is acknowledged.** [`Journal::append`] returns when its own entry *and
//!    every number below it* is written. So a reader may stop at the first missing number: all
//!    that it hides is unacknowledged. Reading needs no counter.
//! 3. **Dead numbers.** A number whose writer died is filled with a void entry by a caller that waits
//!    for it, [`GRACE`] after that caller's own increment, which came later. A writer starts no
//!    write later than [`WRITE_DEADLINE`] after it requested its number, so a living writer's
//!    entry and a void never have the same number. If a store delays a write for longer than that, the writer
//!    turns its own number into a void and appends again; a fold therefore must take an entry
//!    that occurs twice as one that has moved.
//! 4. **Snapshots** are state up to a position. Writing one is always harmless, also when it is
//!    older than the one it replaces, because the entries it lacks are still there: see 5.
//! 5. **Erasing.** Entries up to position *p* are erased only when a snapshot carries a mark
//!    that shows that *p* was reached at least [`SETTLE`] ago, and the journal is [`ERASE_MARGIN`]
//!    numbers beyond *p*. A reader that began after the mark's time reached *p* or further, and
//!    no reader writes a snapshot (or returns a result) from a read that began more than
//!    [`BASIS_DEADLINE`] ago. So no older snapshot can be written again, and no snapshot in use needs the entries.
//!
//! The store must show a write to all readers once it has acknowledged it (SQLite does, Redis on one
//! primary, DynamoDB and Cosmos with strong reads). Durations rest on clocks of different machines agreeing within minutes ([`SETTLE`] against
//! [`BASIS_DEADLINE`]); the bounds of 3 are each measured on one machine's monotonic clock.

pub mod aggregate;
mod batch;
pub mod blob;
mod bounds;
#[cfg(any(target_family = "wasm", test))]
mod calls;
mod error;
pub mod list;
mod platform;
#[cfg(target_family = "wasm")]
mod spin;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tree;
pub mod unique;
mod view;

mod append;
mod read;
mod snapshot;

pub use batch::{delete_all, get_all, set_all};
pub use bounds::*;
pub use error::Error;
pub use platform::{Clock, NumberSource, Platform, Store};
pub use read::probe;
#[cfg(target_family = "wasm")]
pub use spin::Spin;
pub use view::{Fold, View};

/// One journal: a name, and the platform it lives on.
#[derive(Debug, Clone)]
pub struct Journal<P> {
    platform: P,
    name: String,
}

impl<P: Platform> Journal<P> {
    /// A journal by its name, which is the prefix of all its keys. The name must be made of
    /// `[A-Za-z0-9:_./-]` and short enough that keys stay within 255 bytes; that is the caller's
    /// to ensure, since it knows where the parts come from.
    pub fn new(platform: P, name: impl Into<String>) -> Self {
        Self {
            platform,
            name: name.into(),
        }
    }

    /// The platform it lives on.
    pub fn platform(&self) -> &P {
        &self.platform
    }

    /// The key of something that belongs to this journal.
    pub fn key(&self, suffix: impl std::fmt::Display) -> String {
        format!("{}:{suffix}", self.name)
    }

    /// Where entry `number` is kept.
    pub fn entry_key(&self, number: u64) -> String {
        self.key(number)
    }

    fn counter_key(&self) -> String {
        self.key('n')
    }

    fn snapshot_key(&self) -> String {
        self.key('s')
    }
}
