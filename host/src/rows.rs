//! Rows of a running statement, as a component reads them.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::mpsc::Receiver;
use wasmtime::StoreContextMut;
use wasmtime::component::{Destination, StreamProducer, StreamResult, VecBuffer};

/// Rows that wait for their reader, as many as in Spin. A statement that has more of them holds its
/// connection until they are read.
pub(crate) const BUFFERED_ROWS: usize = 4;

/// The size of a result, or of one row where rows are read while the statement runs, that is an error:
/// Spin's limit of 128 MiB.
pub(crate) const MAX_BUFFERED_BYTES: usize = 128 << 20;

/// The stream of rows. The statement ends when this is dropped.
pub(crate) struct Rows<T>(Receiver<T>);

impl<T> Rows<T> {
    pub(crate) fn new(rows: Receiver<T>) -> Self {
        Self(rows)
    }
}

impl<D, T: Send + Sync + 'static> StreamProducer<D> for Rows<T> {
    type Item = T;
    type Buffer = VecBuffer<T>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        store: StoreContextMut<'a, D>,
        mut destination: Destination<'a, T, VecBuffer<T>>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        // A read of length 0 asks whether the stream is ready. The next read shows that.
        if destination.remaining(store) == Some(0) {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        let mut rows = Vec::with_capacity(BUFFERED_ROWS);
        match self.0.poll_recv_many(context, &mut rows, BUFFERED_ROWS) {
            Poll::Ready(0) => Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Ready(_) => {
                destination.set_buffer(rows.into());
                Poll::Ready(Ok(StreamResult::Completed))
            }
            Poll::Pending if finish => Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => Poll::Pending,
        }
    }
}
