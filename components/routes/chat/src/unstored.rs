//! Deltas of the reply on their way to the conversations capability, at the pace that it sets.

use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

use contracts::conversations::{
    turns::{Directive, StopReason, Turn},
    types::Error as StoreError,
};
use futures::future::select;
use spin_sdk::time::sleep;

use crate::bell::Bell;

/// The deltas that the capability does not have yet.
#[derive(Debug)]
pub(crate) struct Unstored {
    deltas: RefCell<Vec<String>>,
    bytes: Cell<usize>,
    next: RefCell<Directive>,
    closed: Cell<bool>,
    changed: Bell,
}

impl Unstored {
    /// Waits with the deltas as long as `next` allows.
    pub(crate) fn new(next: Directive) -> Self {
        Self {
            deltas: RefCell::default(),
            bytes: Cell::default(),
            next: RefCell::new(next),
            closed: Cell::default(),
            changed: Bell::default(),
        }
    }

    pub(crate) fn push(&self, delta: String) {
        self.bytes.set(self.bytes.get().saturating_add(delta.len()));
        self.deltas.borrow_mut().push(delta);
        if self.is_full() {
            self.changed.ring();
        }
    }

    /// Ends [`Unstored::append_to`]. What is left is for `finish`.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        self.changed.ring();
    }

    /// The deltas that were not appended, and the last directive.
    pub(crate) fn into_parts(self) -> (Vec<String>, Directive) {
        (self.deltas.into_inner(), self.next.into_inner())
    }

    /// Gives the turn what has arrived whenever it asks for it, until [`Unstored::close`]; `halt`
    /// rings when the reply has to end. Returns the first warning, for the log.
    ///
    /// It has to be run to its end: an `append` that is dropped takes the turn with it.
    pub(crate) async fn append_to(&self, turn: &Turn, halt: &Bell) -> Option<String> {
        let mut warning = None;
        while self.wait().await {
            self.bytes.set(0);
            let directive = turn.append(self.deltas.take()).await;
            if directive.stop.is_some() {
                halt.ring();
            }
            warning = warning.or_else(|| directive.warning.clone());
            self.next.replace(directive);
        }
        warning
    }

    /// Why the reply has to end, if it has to.
    pub(crate) fn stop_reason(&self) -> Option<StopReason> {
        self.next.borrow().stop
    }

    /// Waits until the turn asks for what has arrived; false at the end.
    async fn wait(&self) -> bool {
        let patience = Duration::from_millis(self.next.borrow().resume_after_ms.into());
        let mut alarm = std::pin::pin!(sleep(patience));
        let mut is_over = false;
        loop {
            if self.closed.get() {
                return false;
            }
            if is_over || self.is_full() {
                return true;
            }
            is_over = matches!(
                select(self.changed.heard(), &mut alarm).await,
                futures::future::Either::Right(_)
            );
        }
    }

    fn is_full(&self) -> bool {
        let most = usize::try_from(self.next.borrow().resume_after_bytes).unwrap_or(usize::MAX);
        self.bytes.get() >= most.max(1)
    }
}

/// What the log says of a failure.
pub(crate) fn describe(error: StoreError) -> String {
    match error {
        StoreError::NotFound => "conversation is gone".to_owned(),
        StoreError::Invalid(what) => format!("reply cannot be stored: {what}"),
        StoreError::Conflict(what) => format!("reply has no place: {what}"),
        StoreError::Unavailable(cause) => cause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[test]
    fn wait_with_enough_bytes_returns_at_once_and_after_close_ends() {
        let unstored = Unstored::new(Directive {
            resume_after_ms: 60_000,
            resume_after_bytes: 8,
            stop: None,
            warning: None,
        });
        unstored.push("x".repeat(7));
        unstored.push("y".to_owned());
        assert_eq!(unstored.wait().now_or_never(), Some(true));
        unstored.close();
        assert_eq!(unstored.wait().now_or_never(), Some(false));
        assert_eq!(unstored.into_parts().0.len(), 2);
    }
}
