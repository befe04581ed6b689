//! Pieces of the reply that the store has not seen yet, and when it is time to look there.

use std::{
    cell::{Cell, RefCell},
    time::{Duration, Instant},
};

use futures::future::select;
use spin_sdk::time::sleep;

use crate::bell::Bell;

/// How long a piece waits before it is stored: what a crash may cost.
const MAX_WAIT: Duration = Duration::from_secs(2);
/// How much waits before it is stored, in bytes.
const MAX_BYTES: usize = 8 * 1024;
/// Silence after which readers are shown that the reply is still under way.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// The same while somebody reads along.
const MAX_WAIT_FOLLOWED: Duration = Duration::from_millis(200);
const HEARTBEAT_FOLLOWED: Duration = Duration::from_secs(3);

/// How often others are heeded: a wish to stop is heard within half a second, and each look is a
/// read for each reply under way.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Collects pieces until storing them is worth a write.
#[derive(Debug)]
pub(crate) struct Backlog {
    pieces: RefCell<Vec<String>>,
    bytes: Cell<usize>,
    /// Since when the oldest piece waits, or, without any, the store has not heard of us.
    since: Cell<Instant>,
    looked: Cell<Instant>,
    closed: Cell<bool>,
    changed: Bell,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Store these pieces, none of them as a sign of life.
    Store(Vec<String>),
    /// Look what others want.
    Look,
}

impl Default for Backlog {
    fn default() -> Self {
        let now = Instant::now();
        Self {
            pieces: RefCell::default(),
            bytes: Cell::default(),
            since: Cell::new(now),
            looked: Cell::new(now),
            closed: Cell::default(),
            changed: Bell::default(),
        }
    }
}

impl Backlog {
    pub(crate) fn push(&self, piece: String) {
        let before = self.bytes.get();
        let after = before.saturating_add(piece.len());
        self.bytes.set(after);
        self.pieces.borrow_mut().push(piece);
        if before == 0 {
            self.since.set(Instant::now());
        }
        if before == 0 || (before < MAX_BYTES && after >= MAX_BYTES) {
            self.changed.ring();
        }
    }

    /// Says that the reply is over; what is left will be stored with its end.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        self.changed.ring();
    }

    /// Waits until something is to be done; none at the end.
    pub(crate) async fn due(&self, followed: bool) -> Option<Due> {
        loop {
            if self.closed.get() {
                return None;
            }
            let waiting = self.bytes.get();
            let patience = match (waiting > 0, followed) {
                (true, false) => MAX_WAIT,
                (true, true) => MAX_WAIT_FOLLOWED,
                (false, false) => HEARTBEAT,
                (false, true) => HEARTBEAT_FOLLOWED,
            };
            let until_store = patience.saturating_sub(self.since.get().elapsed());
            if waiting >= MAX_BYTES || until_store.is_zero() {
                return Some(Due::Store(self.take()));
            }
            let until_look = LOOK_EVERY.saturating_sub(self.looked.get().elapsed());
            if until_look.is_zero() {
                self.looked.set(Instant::now());
                return Some(Due::Look);
            }
            let alarm = std::pin::pin!(sleep(until_store.min(until_look)));
            select(self.changed.heard(), alarm).await;
        }
    }

    fn take(&self) -> Vec<String> {
        self.bytes.set(0);
        self.since.set(Instant::now());
        self.pieces.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[test]
    fn much_is_due_at_once_and_the_end_leaves_the_rest() {
        let backlog = Backlog::default();
        backlog.push("x".repeat(MAX_BYTES - 1));
        backlog.push("y".to_owned());
        let due = backlog.due(false).now_or_never().flatten();
        assert!(matches!(due, Some(Due::Store(pieces)) if pieces.len() == 2));
        backlog.push("z".to_owned());
        backlog.close();
        assert_eq!(backlog.due(false).now_or_never(), Some(None));
    }
}
