//! The bytes of a streamed response that its client has not received yet.

use std::{
    cell::Cell,
    pin::pin,
    rc::Rc,
    time::{Duration, Instant},
};

use futures::{
    FutureExt as _, StreamExt as _,
    channel::{
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded},
        oneshot,
    },
    future::{Either, select},
};
use http_edge::BodyWriter;
use spin_sdk::time::sleep;
use sse::Encoder;

use crate::keep_alive::keep_alive_interval;

/// In place of an interval if no comments are sent.
const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// Unsent bytes beyond which the client is given up: it reads more slowly than the model writes.
const MAX_UNSENT: usize = 1024 * 1024;
/// How long a client may take to receive the rest after the reply ended.
const MAX_DRAIN: Duration = Duration::from_secs(60);

/// The sending end: never waits for the client. Dropping it ends the response after what is in the
/// buffer.
pub struct SendBuffer {
    chunks: UnboundedSender<Vec<u8>>,
    /// Bytes that are in the channel.
    unsent: Rc<Cell<usize>>,
    /// Ends the delivery at once.
    abort: Option<oneshot::Sender<()>>,
}

/// The receiving end, which writes to the client.
pub struct Delivery {
    chunks: UnboundedReceiver<Vec<u8>>,
    unsent: Rc<Cell<usize>>,
    aborted: oneshot::Receiver<()>,
}

/// The buffer of one response.
pub fn send_buffer() -> (SendBuffer, Delivery) {
    let (sender, receiver) = unbounded();
    let (abort, aborted) = oneshot::channel();
    let unsent = Rc::default();
    let buffer = SendBuffer {
        chunks: sender,
        unsent: Rc::clone(&unsent),
        abort: Some(abort),
    };
    let delivery = Delivery {
        chunks: receiver,
        unsent,
        aborted,
    };
    (buffer, delivery)
}

impl SendBuffer {
    /// Adds bytes, unless the client is gone. A client that has too much unread is given up.
    pub fn push(&mut self, bytes: Vec<u8>) {
        if bytes.is_empty() || self.is_closed() {
            return;
        }
        let unsent = self.unsent.get().saturating_add(bytes.len());
        if unsent > MAX_UNSENT {
            self.chunks.close_channel();
            if let Some(abort) = self.abort.take() {
                // The delivery has ended already if nobody receives this.
                let _ = abort.send(());
            }
            return;
        }
        self.unsent.set(unsent);
        // Fails only if the delivery has ended, which the next call sees.
        let _ = self.chunks.unbounded_send(bytes);
    }

    /// Whether the client is gone or was given up.
    pub fn is_closed(&self) -> bool {
        self.chunks.is_closed()
    }

    /// Bytes that wait for the client.
    pub fn unsent(&self) -> usize {
        self.unsent.get()
    }
}

impl Delivery {
    /// Writes to the client until the buffer was dropped and is empty, or until the client is gone,
    /// given up, or takes too long for the rest. Comments fill a silence (`stream_keepalive_seconds`).
    pub async fn run(self, body: BodyWriter) {
        let Self {
            chunks,
            unsent,
            aborted,
        } = self;
        let deadline = async {
            // An error means that the buffer was dropped: the reply has ended.
            if aborted.await.is_err() {
                sleep(MAX_DRAIN).await;
            }
        };
        select(pin!(write_all(chunks, &unsent, body)), pin!(deadline)).await;
    }
}

async fn write_all(
    mut chunks: UnboundedReceiver<Vec<u8>>,
    unsent: &Cell<usize>,
    mut body: BodyWriter,
) {
    let interval = keep_alive_interval().await.unwrap_or(NEVER);
    let mut last_write = Instant::now();
    let mut timer = Box::pin(sleep(interval));
    loop {
        let bytes = match select(pin!(next_bytes(&mut chunks, unsent)), &mut timer).await {
            Either::Left((None, _)) => return,
            Either::Left((Some(bytes), _)) => bytes,
            Either::Right(_) => {
                // One timer serves many writes; it is set again when it fires.
                let silence = last_write.elapsed();
                let is_due = silence >= interval;
                timer.set(sleep(if is_due {
                    interval
                } else {
                    interval.saturating_sub(silence)
                }));
                if !is_due {
                    continue;
                }
                Encoder::new().comment("keep-alive").take()
            }
        };
        if !body.write(bytes).await {
            return;
        }
        last_write = Instant::now();
    }
}

/// All bytes in the channel as one piece; none at the end.
async fn next_bytes(
    chunks: &mut UnboundedReceiver<Vec<u8>>,
    unsent: &Cell<usize>,
) -> Option<Vec<u8>> {
    let mut bytes = chunks.next().await?;
    while let Some(Some(more)) = chunks.next().now_or_never() {
        bytes.extend_from_slice(&more);
    }
    unsent.set(unsent.get().saturating_sub(bytes.len()));
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::executor::block_on;

    #[test]
    fn next_bytes_joins_what_is_waiting_and_ends_with_the_buffer() {
        let (mut buffer, mut delivery) = send_buffer();
        buffer.push(b"a".to_vec());
        buffer.push(b"b".to_vec());
        assert_eq!(buffer.unsent(), 2);
        let mut next = || next_bytes(&mut delivery.chunks, &delivery.unsent).now_or_never();
        assert_eq!(next(), Some(Some(b"ab".to_vec())));
        assert_eq!(next(), None);
        assert_eq!(buffer.unsent(), 0);
        buffer.push(b"c".to_vec());
        drop(buffer);
        let mut next = || block_on(next_bytes(&mut delivery.chunks, &delivery.unsent));
        assert_eq!(next(), Some(b"c".to_vec()));
        assert_eq!(next(), None);
    }

    #[test]
    fn push_beyond_the_limit_gives_the_client_up() {
        let (mut buffer, mut delivery) = send_buffer();
        buffer.push(vec![0; MAX_UNSENT]);
        assert!(!buffer.is_closed());
        buffer.push(vec![0]);
        assert!(buffer.is_closed());
        assert_eq!(delivery.aborted.try_recv(), Ok(Some(())));
        buffer.push(vec![0; 10]);
        assert_eq!(buffer.unsent(), MAX_UNSENT);
    }

    #[test]
    fn push_without_a_client_keeps_nothing() {
        let (mut buffer, delivery) = send_buffer();
        drop(delivery);
        buffer.push(b"a".to_vec());
        assert!(buffer.is_closed());
        assert_eq!(buffer.unsent(), 0);
    }
}
