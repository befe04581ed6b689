//! Assigns the slots of a window to requests. Each subject has one counter in the store, which only
//! grows. Every number that it hands out is a slot. Beside it, a mark says at which number the current
//! window began, so that a slot's position in the window is a subtraction. A subject has these two small
//! keys, and they need no cleanup.
//!
//! The request that takes the first slot of a window writes the mark. If several instances do so at the same
//! time, each believes to be the first, and the last one to write would begin the window late. So an
//! instance that wrote the mark reads it again, and every instance does so before its second lease: the
//! lowest number counts, and an instance that knows a lower one than the mark writes it again. That costs reads, and
//! writes only after such a race. What remains is one request too many if two began together, the later
//! one's mark overwrote the earlier one's after its second look, and the earlier one gets no more requests.
//! (The counter can only be read by adding to it: stores encode it differently.)
//!
//! Within an instance, one request at a time takes slots of a subject from the store; others wait. They
//! wait by polling, since a task of a component must not be woken by another one.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::exports::limits::Allowance;
use crate::window::{WINDOW_MS, WindowState};

/// Largest lease, in slots. An instance serves 128 requests on Spin and on the embedded host; the rest of
/// its leases is lost when it ends.
const MAX_LEASE: u32 = 64;

/// Most subjects that an instance remembers. Each one that it forgets costs a write.
const MAX_SUBJECTS: usize = 1024;

/// How often a request looks whether another one has taken slots, before it fails. With the pause of a
/// millisecond this is longer than a store call may take.
const LOOKS_MAX: u32 = 15_000;

/// A subject's counter and mark in the store. Errors are for the log.
#[allow(
    async_fn_in_trait,
    reason = "components run on one thread, so no future needs to be Send"
)]
pub(crate) trait SubjectStore {
    /// Adds to the counter and returns the new count. A new counter begins at 0.
    async fn add(&self, slots: u32) -> Result<u64, String>;
    /// The mark, if there is one that can be read.
    async fn mark(&self) -> Result<Option<Mark>, String>;
    async fn set_mark(&self, mark: Mark) -> Result<(), String>;
    /// Waits a millisecond.
    async fn pause(&self);
}

/// The beginning of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The window: minutes since the epoch.
    pub(crate) window: u64,
    /// The count when it began.
    pub(crate) start: u64,
    /// Slots that were taken in the previous window.
    pub(crate) previous: u64,
}

/// Why a request is not admitted.
#[derive(Debug, PartialEq)]
pub(crate) enum Refused {
    /// The limit is reached.
    Exceeded(Allowance),
    /// The store failed; the text is for the log.
    Store(String),
}

impl From<String> for Refused {
    fn from(text: String) -> Self {
        Self::Store(text)
    }
}

/// The subjects of one instance in the current window, by storage key.
#[derive(Clone, Default)]
pub(crate) struct RateLimiter {
    subjects: Option<HashMap<String, Subject>>,
    /// Subjects for which a request is taking slots.
    busy: Option<HashSet<String>>,
}

/// What can be decided about a request without the store.
enum Decision {
    Made(Result<Allowance, Refused>),
    /// Slots must be taken first; the subject is busy from now on.
    NeedsSlots(Option<Subject>),
    /// Another request is taking slots.
    Busy,
}

/// Ends that a subject is busy, also if its request is cancelled.
struct Busy<'a> {
    limiter: &'a Mutex<RateLimiter>,
    key: &'a str,
}

#[derive(Clone, Copy)]
struct Subject {
    window: u64,
    /// Slots used in the previous window; `None` while they cannot matter and were not read.
    previous: Option<u64>,
    lease: Option<Lease>,
}

/// Slots that this instance took from the counter and may use in this window.
#[derive(Clone, Copy)]
struct Lease {
    /// The count when the window began.
    start: u64,
    /// The next slot to use.
    next: u64,
    /// The last slot of the lease.
    end: u64,
    size: u32,
    /// Whether the mark was read again since the window began.
    confirmed: bool,
}

/// How many slots to take after a lease of `size` (0: none yet in this window). Slots of small limits are taken
/// one by one, so these are exact. Other leases begin small, since the requests of a subject may be spread
/// over many instances and unused slots are lost. They double, since a subject with many requests is served
/// by few instances.
pub(crate) fn lease_after(size: u32, limit: u32) -> u32 {
    let largest = (limit / 50).clamp(1, MAX_LEASE);
    match size {
        0 => (largest / 6).max(1),
        size => size.saturating_mul(2).min(largest),
    }
}

/// Counts one request of the subject under `key` if the limit allows it; `now` in milliseconds since the
/// epoch. A refused request uses no slot.
///
/// # Errors
/// See [`Refused`].
pub(crate) async fn admit(
    limiter: &Mutex<RateLimiter>,
    key: &str,
    limit: u32,
    now: u64,
    store: &impl SubjectStore,
) -> Result<Allowance, Refused> {
    if limit == 0 {
        return Ok(Allowance {
            limit: 0,
            remaining: 0,
            reset_after: 0,
        });
    }
    let window = now / WINDOW_MS;
    for _ in 0..LOOKS_MAX {
        let decision = lock(limiter).decide(key, limit, now);
        let cached = match decision {
            Decision::Made(result) => return result,
            Decision::Busy => {
                store.pause().await;
                continue;
            }
            Decision::NeedsSlots(cached) => cached,
        };
        let _busy = Busy { limiter, key };
        let (mut subject, mark) = match cached {
            Some(subject) => (subject, None),
            None => {
                let mark = store.mark().await?;
                let subject = Subject::open(window, now, limit, mark, store).await?;
                (subject, Some(mark))
            }
        };
        let result = subject.admit(limit, now, mark, store).await;
        lock(limiter).remember(key, subject, window);
        return result;
    }
    Err(Refused::Store(
        "counting requests: no turn in time".to_owned(),
    ))
}

fn lock(limiter: &Mutex<RateLimiter>) -> MutexGuard<'_, RateLimiter> {
    limiter.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        lock(self.limiter).busy().remove(self.key);
    }
}

impl RateLimiter {
    pub(crate) const fn new() -> Self {
        Self {
            subjects: None,
            busy: None,
        }
    }

    fn decide(&mut self, key: &str, limit: u32, now: u64) -> Decision {
        if self.busy().contains(key) {
            return Decision::Busy;
        }
        let window = now / WINDOW_MS;
        let subject = self.subjects().get_mut(key);
        let mut cached = None;
        if let Some(subject) = subject.filter(|subject| subject.window >= window) {
            if let Some(result) = subject.admit_from_lease(limit, now) {
                return Decision::Made(result);
            }
            cached = Some(*subject);
        }
        self.busy().insert(key.to_owned());
        Decision::NeedsSlots(cached)
    }

    fn subjects(&mut self) -> &mut HashMap<String, Subject> {
        self.subjects.get_or_insert_default()
    }

    fn busy(&mut self) -> &mut HashSet<String> {
        self.busy.get_or_insert_default()
    }

    fn remember(&mut self, key: &str, subject: Subject, window: u64) {
        let subjects = self.subjects();
        if subjects.len() >= MAX_SUBJECTS && !subjects.contains_key(key) {
            subjects.retain(|_, subject| subject.window >= window);
            if subjects.len() >= MAX_SUBJECTS {
                subjects.clear();
            }
        }
        subjects.insert(key.to_owned(), subject);
    }
}

impl Subject {
    /// Reads what must be known before the first slot is taken.
    async fn open(
        window: u64,
        now: u64,
        limit: u32,
        mark: Option<Mark>,
        store: &impl SubjectStore,
    ) -> Result<Self, Refused> {
        let mut subject = Self {
            window,
            previous: Some(0),
            lease: None,
        };
        match mark {
            Some(mark) if mark.is_of(window) => {
                subject.window = mark.window;
                subject.previous = Some(mark.previous);
            }
            Some(mark) if mark.window.checked_add(1) == Some(window) => {
                // Assumed to be full, unless the window is so young that this decides.
                subject.previous = Some(u64::from(limit));
                let decides = !subject.state(limit, 1, now).is_within();
                subject.previous = match decides {
                    true => Some(store.add(0).await?.saturating_sub(mark.start)),
                    false => None,
                };
            }
            _ => {}
        }
        Ok(subject)
    }

    /// Counts one request, after taking slots if there is none in hand.
    async fn admit(
        &mut self,
        limit: u32,
        now: u64,
        mark: Option<Option<Mark>>,
        store: &impl SubjectStore,
    ) -> Result<Allowance, Refused> {
        // Slots are taken only if one can be used at once: those of refused requests would count in the
        // next window.
        let position = self.next_position();
        if self.state(limit, position, now).is_within() && !self.has_slot() {
            self.take(limit, mark, store).await?;
        }
        self.admit_now(limit, now)
    }

    /// Counts one request if that needs no new slots.
    fn admit_from_lease(&mut self, limit: u32, now: u64) -> Option<Result<Allowance, Refused>> {
        let is_within = self.state(limit, self.next_position(), now).is_within();
        (self.has_slot() || !is_within).then(|| self.admit_now(limit, now))
    }

    fn admit_now(&mut self, limit: u32, now: u64) -> Result<Allowance, Refused> {
        let position = self.next_position();
        let state = self.state(limit, position, now);
        if !state.is_within() {
            let used = position.saturating_sub(1);
            return Err(Refused::Exceeded(Allowance {
                remaining: 0,
                ..WindowState { used, ..state }.allowance()
            }));
        }
        if let Some(lease) = &mut self.lease {
            lease.next += 1;
        }
        Ok(state.allowance())
    }

    /// Takes a lease. `mark` is the subject's mark if it was just read.
    async fn take(
        &mut self,
        limit: u32,
        mark: Option<Option<Mark>>,
        store: &impl SubjectStore,
    ) -> Result<(), Refused> {
        let size = lease_after(self.lease.map_or(0, |lease| lease.size), limit);
        let end = store.add(size).await?;
        let before = end.saturating_sub(u64::from(size));
        let (start, confirmed) = match self.lease {
            Some(lease) if lease.confirmed => (lease.start, true),
            Some(lease) => (self.confirm(lease.start, store).await?, true),
            None => (self.begin(mark, before, store).await?, false),
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

    /// The count when this window began: `before`, unless another instance has marked its beginning. `mark` is
    /// the stored mark if it was read before the slot was taken.
    async fn begin(
        &mut self,
        mark: Option<Option<Mark>>,
        before: u64,
        store: &impl SubjectStore,
    ) -> Result<u64, Refused> {
        let mark = mark.flatten().filter(|mark| mark.is_of(self.window));
        let mark = match mark {
            Some(mark) => Some(mark),
            // Another instance may have begun the window meanwhile.
            None => store.mark().await?,
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
        self.set_mark(before, store).await?;
        self.confirm(before, store).await
    }

    /// The count when the window began: `start`, or the mark's if that is lower. Corrects the mark if it is
    /// higher.
    async fn confirm(&mut self, start: u64, store: &impl SubjectStore) -> Result<u64, Refused> {
        match store.mark().await? {
            Some(mark) if mark.window == self.window && mark.start < start => {
                self.previous = Some(mark.previous);
                Ok(mark.start)
            }
            Some(mark) if mark.window == self.window && mark.start > start => {
                self.set_mark(start, store).await?;
                Ok(start)
            }
            _ => Ok(start),
        }
    }

    async fn set_mark(&self, start: u64, store: &impl SubjectStore) -> Result<(), Refused> {
        store
            .set_mark(Mark {
                window: self.window,
                start,
                previous: self.previous.unwrap_or(0),
            })
            .await?;
        Ok(())
    }

    fn has_slot(&self) -> bool {
        self.lease.is_some_and(|lease| lease.next <= lease.end)
    }

    /// The position in the window, from 1, of the next slot; the lowest possible one if there is none in hand.
    fn next_position(&self) -> u64 {
        self.lease
            .map_or(1, |lease| lease.next.saturating_sub(lease.start).max(1))
    }

    fn state(&self, limit: u32, used: u64, now: u64) -> WindowState {
        WindowState {
            limit,
            used,
            previous: self.previous.unwrap_or(0),
            // Another instance, whose clock is ahead, may have begun the window.
            elapsed: match now / WINDOW_MS < self.window {
                true => 0,
                false => now % WINDOW_MS,
            },
        }
    }
}

impl Mark {
    /// Whether it marks `window`, or the next one, which an instance whose clock is ahead begins.
    fn is_of(&self, window: u64) -> bool {
        self.window == window || Some(self.window) == window.checked_add(1)
    }

    /// The stored form: three decimal numbers.
    pub(crate) fn to_text(self) -> String {
        format!("{} {} {}", self.window, self.start, self.previous)
    }

    /// Parses what `to_text` wrote; `None` for anything else, which is then overwritten.
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
