//! The log: output of components and lines of the host.

use std::io::{self, Write as _};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// The destination of all log lines of a host.
#[derive(Clone, Debug, Default)]
pub enum Logs {
    /// The process' standard error.
    #[default]
    Stderr,
    /// Nothing is logged.
    Discard,
    /// A buffer, for tests.
    Capture(Arc<Mutex<Vec<u8>>>),
}

/// Writes whole lines to the destination.
#[derive(Clone, Debug)]
pub(crate) struct Sink(Arc<Logs>);

impl Sink {
    pub(crate) fn new(logs: Logs) -> Self {
        Self(Arc::new(logs))
    }

    /// Logs a line of the host itself.
    pub(crate) fn line(&self, message: impl AsRef<str>) {
        let message = message.as_ref().replace(['\n', '\r'], " ");
        self.write(format!("{message}\n").as_bytes());
    }

    fn write(&self, lines: &[u8]) {
        match &*self.0 {
            // If standard error is closed, there is nowhere to report that.
            Logs::Stderr => drop(io::stderr().lock().write_all(lines)),
            Logs::Discard => {}
            Logs::Capture(buffer) => buffer
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend_from_slice(lines),
        }
    }
}

/// Standard output or standard error of an instance. Components write a line in several pieces, so
/// lines are buffered: lines of different instances must not mix.
pub(crate) struct GuestLog(Arc<Line>);

struct Line {
    sink: Sink,
    pending: Mutex<Vec<u8>>,
}

/// The longest line that is buffered, in bytes; a longer one is written in parts.
const MAX_LINE: usize = 64 * 1024;

impl GuestLog {
    pub(crate) fn new(sink: Sink) -> Self {
        Self(Arc::new(Line {
            sink,
            pending: Mutex::default(),
        }))
    }
}

impl Line {
    fn write(&self, bytes: &[u8]) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.extend_from_slice(bytes);
        let end = match pending.iter().rposition(|byte| *byte == b'\n') {
            Some(newline) => newline + 1,
            None if pending.len() > MAX_LINE => pending.len(),
            None => return,
        };
        let rest = pending.split_off(end);
        self.sink.write(&pending);
        *pending = rest;
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let pending = self
            .pending
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if !pending.is_empty() {
            pending.push(b'\n');
            self.sink.write(pending);
        }
    }
}

impl IsTerminal for GuestLog {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestLog {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(Stream(self.0.clone()))
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(Stream(self.0.clone()))
    }
}

struct Stream(Arc<Line>);

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.write(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Stream {
    async fn ready(&mut self) {}
}

impl OutputStream for Stream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.0.write(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 * 1024)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn write_with_partial_lines_logs_whole_lines() {
        let buffer = Arc::new(Mutex::new(Vec::new()));
        let sink = Sink::new(Logs::Capture(buffer.clone()));
        let text = || String::from_utf8(buffer.lock().unwrap().clone()).unwrap();
        let log = GuestLog::new(sink.clone());
        log.0.write(b"a");
        sink.line("host");
        log.0.write(b"b\nc");
        assert_eq!(text(), "host\nab\n");
        drop(log);
        assert_eq!(text(), "host\nab\nc\n");
    }
}
