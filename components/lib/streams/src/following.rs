//! Waiting for the next append.
//!
//! An instance gets no signal about the appends of other instances, so a waiting call queries the database at an interval. Of
//! the calls that wait for the same stream in one instance, one queries for all of them. An append in the same instance
//! wakes them at once.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::{FutureExt as _, select};
use unix_time::now_ms;

use crate::{
    limits::{Platform, connect, session},
    signal::{self, Listener, Signal},
    types::{Error, Page, Position, Start},
};

/// How long a call has waited at most, and the interval at which it then looks for appends, in milliseconds. Most streams
/// that grow do so several times a second.
const INTERVALS: [(u64, u64); 2] = [(100, 3), (2_000, 10)];
/// The interval of calls that have waited longer.
const LAST_INTERVAL: u64 = 50;

/// The most streams whose ends an instance remembers.
const TAILS_MAX: usize = 1_000;

/// The end of a stream as it was last read.
#[derive(Clone, Copy)]
struct Tail {
    appends: u64,
    is_closed: bool,
    /// When the database was last queried for the stream, in milliseconds since the epoch.
    queried_at: u64,
}

fn tails() -> MutexGuard<'static, HashMap<String, Tail>> {
    static TAILS: LazyLock<Mutex<HashMap<String, Tail>>> = LazyLock::new(Mutex::default);
    TAILS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A key that no other stream has: user ids have no line breaks.
fn key(owner: &str, name: &str) -> String {
    format!("{owner}\n{name}")
}

/// The calls that wait, by stream, and how to wake each of them.
type Waiting = HashMap<String, Vec<(u64, Signal)>>;

fn waiting() -> MutexGuard<'static, Waiting> {
    static WAITING: LazyLock<Mutex<Waiting>> = LazyLock::new(Mutex::default);
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call that waits. Nobody wakes it any more when this is dropped.
struct Waiter {
    stream: String,
    number: u64,
}

impl Waiter {
    fn new(owner: &str, name: &str) -> (Self, Listener) {
        static NEXT: Mutex<u64> = Mutex::new(0);
        let mut next = NEXT.lock().unwrap_or_else(PoisonError::into_inner);
        *next = next.wrapping_add(1);
        let waiter = Self {
            stream: key(owner, name),
            number: *next,
        };
        let (signal, listener) = signal::pair();
        let mut waiting = waiting();
        let calls = waiting.entry(waiter.stream.clone()).or_default();
        calls.push((waiter.number, signal));
        (waiter, listener)
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut waiting = waiting();
        let Some(calls) = waiting.get_mut(&self.stream) else {
            return;
        };
        calls.retain(|(number, _)| *number != self.number);
        if calls.is_empty() {
            waiting.remove(&self.stream);
        }
    }
}

/// Remembers where a stream ends after an append, and wakes the calls that wait for it.
pub(crate) fn note_append(owner: &str, name: &str, tail: Position, is_closed: bool) {
    note(owner, name, tail, is_closed);
    let woken = waiting().remove(&key(owner, name));
    drop(woken);
}

/// Remembers where a stream ends.
fn note(owner: &str, name: &str, tail: Position, is_closed: bool) {
    let mut tails = tails();
    if tails.len() >= TAILS_MAX {
        tails.clear();
    }
    let now = now_ms();
    let stream = tails.entry(key(owner, name)).or_insert(Tail {
        appends: 0,
        is_closed: false,
        queried_at: 0,
    });
    stream.appends = tail.appends;
    stream.is_closed = is_closed;
    stream.queried_at = now;
}

/// Whether the database has to be queried for appends after a position. Then this caller queries for all calls that
/// wait for the stream.
fn has_to_query(owner: &str, name: &str, after: u64, now: u64, interval: u64) -> bool {
    let mut tails = tails();
    let Some(stream) = tails.get_mut(&key(owner, name)) else {
        return true;
    };
    let is_behind = stream.appends <= after && !stream.is_closed;
    if is_behind && now.saturating_sub(stream.queried_at) < interval {
        return false;
    }
    stream.queried_at = now;
    true
}

/// See `read` of the contract.
pub(crate) async fn read<P: Platform>(
    owner: &str,
    name: &str,
    from: Start,
    max_bytes: u32,
    wait_ms: u32,
) -> Result<Page, Error> {
    if wait_ms == 0 {
        return read_once::<P>(owner, name, from, max_bytes).await;
    }
    let begun = now_ms();
    // Before the first query, so that no append is between the two.
    let (_waiter, mut listener) = Waiter::new(owner, name);
    let mut appended = pin!(listener.wait().fuse());
    let mut page = read_once::<P>(owner, name, from, max_bytes).await?;
    loop {
        let waited = now_ms().saturating_sub(begun);
        let has_new = page.part.appends > 0 || page.part.metadata.closed;
        if has_new || waited >= wait_ms.into() {
            return Ok(page);
        }
        let interval = interval(waited);
        let left = u64::from(wait_ms).saturating_sub(waited);
        let timeout = pin!(P::sleep(Duration::from_millis(interval.min(left))));
        select(&mut appended, timeout).await;
        if has_to_query(owner, name, page.part.next.appends, now_ms(), interval) {
            page = read_once::<P>(owner, name, Start::Position(page.part.next), max_bytes).await?;
        }
    }
}

/// Longer if nothing was appended for a while.
fn interval(waited: u64) -> u64 {
    let found = INTERVALS.iter().find(|(until, _)| waited < *until);
    found.map_or(LAST_INTERVAL, |(_, interval)| *interval)
}

/// A connection of PostgreSQL is one of a pool, so it is given back before waiting.
async fn read_once<P: Platform>(
    owner: &str,
    name: &str,
    from: Start,
    max_bytes: u32,
) -> Result<Page, Error> {
    let database = &*connect::<P>().await?;
    let session = session::<P>(database).await;
    let page = session.read(owner, name, from, max_bytes).await?;
    let stream = &page.part.metadata;
    note(owner, name, stream.tail, stream.closed);
    Ok(page)
}
