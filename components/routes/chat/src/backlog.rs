//! Pieces of the reply that the store has not seen yet.

use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

use futures::future::{Either, select};
use spin_sdk::time::sleep;

use crate::bell::Bell;

/// How long a piece waits before it is stored: what a crash may cost.
const MAX_WAIT: Duration = Duration::from_secs(2);
/// How much waits before it is stored, in bytes.
const MAX_BYTES: usize = 8 * 1024;
/// Silence after which readers are shown that the reply is still under way.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// Collects pieces until storing them is worth a write.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    pieces: RefCell<Vec<String>>,
    bytes: Cell<usize>,
    closed: Cell<bool>,
    changed: Bell,
}

impl Backlog {
    pub(crate) fn push(&self, piece: String) {
        let before = self.bytes.get();
        let after = before.saturating_add(piece.len());
        self.bytes.set(after);
        self.pieces.borrow_mut().push(piece);
        if before == 0 || (before < MAX_BYTES && after >= MAX_BYTES) {
            self.changed.ring();
        }
    }

    /// Says that the reply is over; what is left will be stored with its end.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        self.changed.ring();
    }

    /// Waits for pieces that should be stored now, none of them as a sign of life, or for the end.
    pub(crate) async fn due(&self) -> Option<Vec<String>> {
        loop {
            if self.closed.get() {
                return None;
            }
            let waiting = self.bytes.get();
            if waiting >= MAX_BYTES {
                return Some(self.take());
            }
            let patience = if waiting == 0 { HEARTBEAT } else { MAX_WAIT };
            let alarm = std::pin::pin!(sleep(patience));
            if let Either::Right(_) = select(self.changed.heard(), alarm).await {
                return Some(self.take());
            }
        }
    }

    fn take(&self) -> Vec<String> {
        self.bytes.set(0);
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
        let due = backlog.due().now_or_never().flatten();
        assert_eq!(due.map(|pieces| pieces.len()), Some(2));
        backlog.push("z".to_owned());
        backlog.close();
        assert_eq!(backlog.due().now_or_never(), Some(None));
    }
}
