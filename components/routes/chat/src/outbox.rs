//! Bytes on their way to the client, who may read slowly or not at all.

use std::{
    cell::{Cell, RefCell},
    time::{Duration, Instant},
};

use futures::future::{Either, select};
use http_edge::BodyWriter;
use spin_sdk::time::sleep;

use crate::{bell::Bell, events};

/// Silence after which a comment goes out, so that proxies do not take the connection for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Unsent bytes beyond which the client is given up: it reads slower than the model speaks, and
/// the reply is being stored anyway.
const MAX_UNSENT: usize = 1024 * 1024;
/// How long the client may take for the rest once the reply is over.
const MAX_DRAIN: Duration = Duration::from_secs(60);

/// Holds what is not sent yet, so that reading the model never waits for the client.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    unsent: RefCell<Vec<u8>>,
    /// Nothing more will come.
    closed: Cell<bool>,
    /// The client has gone or was given up; nothing is kept any more.
    abandoned: Cell<bool>,
    /// For the delivery: there is something to send, or the end.
    filled: Bell,
    /// For the watch over the delivery: the client was given up, or the reply is over.
    ending: Bell,
}

impl Outbox {
    /// Queues bytes, unless there is nobody to read them.
    pub(crate) fn push(&self, bytes: Vec<u8>) {
        if self.abandoned.get() || bytes.is_empty() {
            return;
        }
        let mut unsent = self.unsent.borrow_mut();
        if unsent.len().saturating_add(bytes.len()) > MAX_UNSENT {
            *unsent = Vec::new();
            self.abandoned.set(true);
            self.ending.ring();
            return;
        }
        if unsent.is_empty() {
            *unsent = bytes;
        } else {
            unsent.extend_from_slice(&bytes);
        }
        self.filled.ring();
    }

    /// Says that nothing more will come.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        self.filled.ring();
        self.ending.ring();
    }

    /// Whether there is nobody any more to send to.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.abandoned.get()
    }

    /// How many bytes wait.
    pub(crate) fn unsent(&self) -> usize {
        self.unsent.borrow().len()
    }

    /// All there is to send; none when the end is reached.
    async fn next(&self) -> Option<Vec<u8>> {
        loop {
            let unsent = self.unsent.take();
            if !unsent.is_empty() {
                return Some(unsent);
            }
            if self.closed.get() {
                return None;
            }
            self.filled.heard().await;
        }
    }

    /// Sends what comes until the end, or until the client is gone or given up.
    pub(crate) async fn deliver(&self, body: BodyWriter) {
        let delivery = std::pin::pin!(self.send_all(body));
        let deadline = std::pin::pin!(async {
            self.ending.heard().await;
            if !self.abandoned.get() {
                sleep(MAX_DRAIN).await;
            }
        });
        select(delivery, deadline).await;
        self.abandoned.set(true);
        self.unsent.take();
    }

    async fn send_all(&self, mut body: BodyWriter) {
        let mut last = Instant::now();
        let mut alarm = Box::pin(sleep(KEEP_ALIVE));
        loop {
            let next = std::pin::pin!(self.next());
            let bytes = match select(next, &mut alarm).await {
                Either::Left((None, _)) => return,
                Either::Left((Some(bytes), _)) => bytes,
                Either::Right(_) => {
                    let quiet = last.elapsed();
                    let is_due = quiet >= KEEP_ALIVE;
                    alarm.set(sleep(if is_due {
                        KEEP_ALIVE
                    } else {
                        KEEP_ALIVE.saturating_sub(quiet)
                    }));
                    if !is_due {
                        continue;
                    }
                    events::keep_alive()
                }
            };
            if !body.write(bytes).await {
                return;
            }
            last = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{FutureExt as _, executor::block_on};

    #[test]
    fn bytes_that_wait_go_out_together() {
        let outbox = Outbox::default();
        outbox.push(b"a".to_vec());
        outbox.push(b"b".to_vec());
        assert_eq!(block_on(outbox.next()), Some(b"ab".to_vec()));
        assert!(outbox.next().now_or_never().is_none());
        outbox.push(b"c".to_vec());
        outbox.close();
        assert_eq!(block_on(outbox.next()), Some(b"c".to_vec()));
        assert_eq!(block_on(outbox.next()), None);
    }

    #[test]
    fn a_client_that_does_not_read_costs_bounded_memory() {
        let outbox = Outbox::default();
        outbox.push(vec![0; MAX_UNSENT]);
        assert!(!outbox.abandoned.get());
        outbox.push(vec![0]);
        assert!(outbox.abandoned.get());
        outbox.push(vec![0; 10]);
        assert!(outbox.unsent.borrow().is_empty());
    }
}
