//! Who holds which slots. Every subject has one counter in the store, which only grows: each number
//! that it gives out is a slot, and nobody else's. Beside it stands a mark that says with which
//! number the current window began, so that a slot's place in the window is a subtraction. Two
//! small keys a subject, which nothing needs to erase.
//!
//! The mark is written by whoever takes the first slot of a window. Where several instances do so
//! in the same moment, each takes itself for the first, and the last to write would begin the
//! window late. So whoever has written the mark looks at it again, and everybody does so once more
//! before its second lease: the lowest number counts, and whoever knows a lower one than the mark
//! writes it anew. That costs reads, and writes only after such a race. What remains is one request
//! too many if two began together, the later one's mark overtook the earlier one's and its second
//! look, and the earlier one is never asked again. The counter can only be learnt by adding to it
//! (`get` shows its bytes, which differ from store to store).
//!
//! Everything here runs without an await, so that within an instance nothing comes in between.

use std::collections::HashMap;

use crate::exports::limits::Allowance;
use crate::window::{Standing, WINDOW_MS};

/// Largest lease, in slots. An instance serves 128 requests on Spin and on the embedded host, and
/// takes what is left of its leases with it when it ends.
const MAX_LEASE: u32 = 64;

/// Subjects that one book remembers. More are forgotten, which costs a write each.
const MAX_ENTRIES: usize = 1024;

/// A subject's counter and mark. Errors are for the log.
pub(crate) trait Ledger {
    /// Adds to the counter, and says what it is now. A new counter begins at 0.
    fn add(&self, slots: u32) -> Result<u64, String>;
    /// The mark, if there is one that can be read.
    fn mark(&self) -> Result<Option<Mark>, String>;
    fn set_mark(&self, mark: Mark) -> Result<(), String>;
}

/// Where a window begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The window: minutes since the epoch.
    pub(crate) window: u64,
    /// The counter when it began.
    pub(crate) start: u64,
    /// Slots that were taken in the window before.
    pub(crate) previous: u64,
}

/// Why a request is not admitted.
#[derive(Debug, PartialEq)]
pub(crate) enum Refused {
    /// Too many.
    Exceeded(Allowance),
    /// The store failed; the text is for the log.
    Store(String),
}

impl From<String> for Refused {
    fn from(text: String) -> Self {
        Self::Store(text)
    }
}

/// What one instance knows of the subjects it has seen in this window, by storage key.
#[derive(Clone, Default)]
pub(crate) struct Book {
    entries: Option<HashMap<String, Entry>>,
}

#[derive(Clone, Copy)]
struct Entry {
    window: u64,
    /// Slots of the window before; `None` while they cannot matter and were not asked for.
    previous: Option<u64>,
    lease: Option<Lease>,
}

/// Slots that were taken from the counter, and are ours to use in this window.
#[derive(Clone, Copy)]
struct Lease {
    /// The counter when the window began.
    start: u64,
    /// The next slot to use.
    next: u64,
    /// The last slot of the lease.
    end: u64,
    size: u32,
    /// Whether `start` was looked at again since the window began.
    confirmed: bool,
}

/// How many slots to take after a lease of `size` (0: none yet in this window). Small limits are
/// counted one by one and so exactly. Else leases begin small, since a subject may be spread over
/// many instances and what they do not use is lost to it, and double, since one that stays is
/// served by few.
pub(crate) fn lease_after(size: u32, limit: u32) -> u32 {
    let largest = (limit / 50).clamp(1, MAX_LEASE);
    match size {
        0 => (largest / 6).max(1),
        size => size.saturating_mul(2).min(largest),
    }
}

impl Book {
    pub(crate) const fn new() -> Self {
        Self { entries: None }
    }

    /// Counts one request of the subject under `key` and says whether it may go on; `now` in
    /// milliseconds since the epoch. A request that is refused uses no slot.
    ///
    /// # Errors
    /// See `Refused`.
    pub(crate) fn admit(
        &mut self,
        key: &str,
        limit: u32,
        now: u64,
        ledger: &impl Ledger,
    ) -> Result<Allowance, Refused> {
        if limit == 0 {
            return Ok(Allowance {
                limit: 0,
                remaining: 0,
                reset_after: 0,
            });
        }
        let window = now / WINDOW_MS;
        let known = self.entries().get(key).copied();
        let (mut entry, mark) = match known.filter(|entry| entry.window >= window) {
            Some(entry) => (entry, None),
            None => {
                let mark = ledger.mark()?;
                (Entry::open(window, now, limit, mark, ledger)?, Some(mark))
            }
        };
        let result = entry.admit(limit, now, mark, ledger);
        self.remember(key, entry, window);
        result
    }

    fn entries(&mut self) -> &mut HashMap<String, Entry> {
        self.entries.get_or_insert_default()
    }

    fn remember(&mut self, key: &str, entry: Entry, window: u64) {
        let entries = self.entries();
        if entries.len() >= MAX_ENTRIES && !entries.contains_key(key) {
            entries.retain(|_, entry| entry.window >= window);
            if entries.len() >= MAX_ENTRIES {
                entries.clear();
            }
        }
        entries.insert(key.to_owned(), entry);
    }
}

impl Entry {
    /// What is to be known before the first slot is taken.
    fn open(
        window: u64,
        now: u64,
        limit: u32,
        mark: Option<Mark>,
        ledger: &impl Ledger,
    ) -> Result<Self, Refused> {
        let mut entry = Self {
            window,
            previous: Some(0),
            lease: None,
        };
        match mark {
            Some(mark) if mark.is_of(window) => {
                entry.window = mark.window;
                entry.previous = Some(mark.previous);
            }
            Some(mark) if mark.window.checked_add(1) == Some(window) => {
                // However much was used there, unless the window is so young that it decides.
                entry.previous = Some(u64::from(limit));
                let decides = !entry.standing(limit, 1, now).is_within();
                entry.previous = match decides {
                    true => Some(ledger.add(0)?.saturating_sub(mark.start)),
                    false => None,
                };
            }
            _ => {}
        }
        Ok(entry)
    }

    fn admit(
        &mut self,
        limit: u32,
        now: u64,
        mark: Option<Option<Mark>>,
        ledger: &impl Ledger,
    ) -> Result<Allowance, Refused> {
        // Nothing is taken that could not be used at once: slots of refused requests would count
        // against the subject in the next window.
        let place = self.next_place();
        if self.standing(limit, place, now).is_within() && !self.has_slot() {
            self.take(limit, mark, ledger)?;
        }
        let place = self.next_place();
        let standing = self.standing(limit, place, now);
        if !standing.is_within() {
            let used = place.saturating_sub(1);
            return Err(Refused::Exceeded(Allowance {
                remaining: 0,
                ..Standing { used, ..standing }.allowance()
            }));
        }
        if let Some(lease) = &mut self.lease {
            lease.next += 1;
        }
        Ok(standing.allowance())
    }

    /// Takes a lease. `mark` is the subject's mark where it was just read.
    fn take(
        &mut self,
        limit: u32,
        mark: Option<Option<Mark>>,
        ledger: &impl Ledger,
    ) -> Result<(), Refused> {
        let size = lease_after(self.lease.map_or(0, |lease| lease.size), limit);
        let end = ledger.add(size)?;
        let before = end.saturating_sub(u64::from(size));
        let (start, confirmed) = match self.lease {
            Some(lease) if lease.confirmed => (lease.start, true),
            Some(lease) => (self.confirm(lease.start, ledger)?, true),
            None => (self.begin(mark, before, ledger)?, false),
        };
        self.lease = Some(Lease {
            start,
            next: before.saturating_add(1),
            end,
            size,
            confirmed,
        });
        Ok(())
    }

    /// The counter when this window began, which is `before` if nobody has marked its beginning.
    /// `known` is the mark where it was read before the slot was taken.
    fn begin(
        &mut self,
        known: Option<Option<Mark>>,
        before: u64,
        ledger: &impl Ledger,
    ) -> Result<u64, Refused> {
        let known = known.flatten().filter(|mark| mark.is_of(self.window));
        let mark = match known {
            Some(mark) => Some(mark),
            // Somebody may have begun the window meanwhile.
            None => ledger.mark()?,
        };
        let previous = match mark {
            Some(mark) if mark.is_of(self.window) => {
                self.window = mark.window;
                self.previous = Some(mark.previous);
                if mark.start <= before {
                    return Ok(mark.start);
                }
                mark.previous
            }
            Some(mark) if mark.window.checked_add(1) == Some(self.window) => {
                before.saturating_sub(mark.start)
            }
            _ => 0,
        };
        self.previous = Some(previous);
        self.set_mark(before, ledger)?;
        self.confirm(before, ledger)
    }

    /// Where the window begins: at `start`, or earlier if the mark says so; and then the mark does.
    fn confirm(&mut self, start: u64, ledger: &impl Ledger) -> Result<u64, Refused> {
        match ledger.mark()? {
            Some(mark) if mark.window == self.window && mark.start < start => {
                self.previous = Some(mark.previous);
                Ok(mark.start)
            }
            Some(mark) if mark.window == self.window && mark.start > start => {
                self.set_mark(start, ledger)?;
                Ok(start)
            }
            _ => Ok(start),
        }
    }

    fn set_mark(&self, start: u64, ledger: &impl Ledger) -> Result<(), Refused> {
        ledger.set_mark(Mark {
            window: self.window,
            start,
            previous: self.previous.unwrap_or(0),
        })?;
        Ok(())
    }

    fn has_slot(&self) -> bool {
        self.lease.is_some_and(|lease| lease.next <= lease.end)
    }

    /// The place in the window, from 1, of the next slot; the best that it can be, if there is none
    /// in hand.
    fn next_place(&self) -> u64 {
        self.lease
            .map_or(1, |lease| lease.next.saturating_sub(lease.start).max(1))
    }

    fn standing(&self, limit: u32, used: u64, now: u64) -> Standing {
        Standing {
            limit,
            used,
            previous: self.previous.unwrap_or(0),
            // Another instance, whose clock is ahead, may have begun the window before us.
            elapsed: match now / WINDOW_MS < self.window {
                true => 0,
                false => now % WINDOW_MS,
            },
        }
    }
}

impl Mark {
    /// Whether it marks `window`, or the one after, as it may be if another clock is ahead.
    fn is_of(&self, window: u64) -> bool {
        self.window == window || Some(self.window) == window.checked_add(1)
    }

    /// As it is stored: three decimal numbers.
    pub(crate) fn to_text(self) -> String {
        format!("{} {} {}", self.window, self.start, self.previous)
    }

    /// Reads what `to_text` wrote; `None` for anything else, which is then overwritten.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut numbers = std::str::from_utf8(bytes)
            .ok()?
            .split(' ')
            .map(|part| part.parse::<u64>().ok());
        let mark = Self {
            window: numbers.next()??,
            start: numbers.next()??,
            previous: numbers.next()??,
        };
        numbers.next().is_none().then_some(mark)
    }
}

#[cfg(test)]
#[path = "rate_limiter_tests.rs"]
mod tests;
