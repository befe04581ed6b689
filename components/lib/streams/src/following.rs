//! Waiting for the next append.
//!
//! Nothing tells an instance what another one has appended, so whoever waits asks the database at an interval. Of
//! those who wait for the same stream in one instance, one asks for all of them; an append in the same instance is
//! known at once.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use unix_time::now_ms;

use crate::{
    limits::{Platform, connect, session},
    types::{Error, Page, Position, Start},
};

/// How often somebody who waits looks, in milliseconds.
const INTERVAL: u64 = 10;
/// The same after nothing has happened for [`QUIET`].
const QUIET_INTERVAL: u64 = 50;
/// In milliseconds.
const QUIET: u64 = 2_000;

/// Streams that an instance remembers.
const KNOWN_MAX: usize = 1_000;

/// What was last known of a stream.
#[derive(Clone, Copy)]
struct Known {
    tail: u64,
    is_closed: bool,
    /// When it was asked for, in milliseconds since the epoch.
    asked_at: u64,
}

fn known() -> MutexGuard<'static, HashMap<String, Known>> {
    static KNOWN: LazyLock<Mutex<HashMap<String, Known>>> = LazyLock::new(Mutex::default);
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A key that no other stream has: user ids have no line breaks.
fn key(owner: &str, name: &str) -> String {
    format!("{owner}\n{name}")
}

/// Remembers where a stream ends.
pub(crate) fn note(owner: &str, name: &str, tail: Position, is_closed: bool) {
    let mut known = known();
    if known.len() >= KNOWN_MAX {
        known.clear();
    }
    let now = now_ms();
    let known = known.entry(key(owner, name)).or_insert(Known {
        tail: 0,
        is_closed: false,
        asked_at: 0,
    });
    known.tail = tail.appends;
    known.is_closed = is_closed;
    known.asked_at = now;
}

/// Whether the database has to be asked if there is something after a position. Then this caller asks for all that
/// wait for the stream.
fn has_to_ask(owner: &str, name: &str, after: u64, now: u64, interval: u64) -> bool {
    let mut known = known();
    let Some(known) = known.get_mut(&key(owner, name)) else {
        return true;
    };
    let is_behind = known.tail <= after && !known.is_closed;
    if is_behind && now.saturating_sub(known.asked_at) < interval {
        return false;
    }
    known.asked_at = now;
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
    let begun = now_ms();
    let mut page = read_once::<P>(owner, name, from, max_bytes).await?;
    loop {
        let waited = now_ms().saturating_sub(begun);
        let has_news = !page.entries.is_empty() || page.metadata.closed;
        if has_news || waited >= wait_ms.into() {
            return Ok(page);
        }
        let interval = interval(waited);
        let left = u64::from(wait_ms).saturating_sub(waited);
        P::sleep(Duration::from_millis(interval.min(left))).await;
        if has_to_ask(owner, name, page.next.appends, now_ms(), interval) {
            page = read_once::<P>(owner, name, Start::Position(page.next), max_bytes).await?;
        }
    }
}

/// Longer after nothing has happened for a while.
fn interval(waited: u64) -> u64 {
    if waited < QUIET {
        INTERVAL
    } else {
        QUIET_INTERVAL
    }
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
    note(owner, name, page.metadata.tail, page.metadata.closed);
    Ok(page)
}
