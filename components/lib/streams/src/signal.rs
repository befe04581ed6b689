//! A signal from one call to another one in the same instance. Calls are tasks of the Component Model, which only its own
//! events wake: here the end of a stream of bytes, which the call that waits reads and the other one drops.

use spin_sdk::wit_bindgen::{StreamReader, StreamWriter};

use crate::bindings::wit_stream;

/// Gives the signal when it is dropped.
pub(crate) struct Signal {
    _writer: StreamWriter<u8>,
}

/// Waits for the signal.
pub(crate) struct Listener(StreamReader<u8>);

/// A signal, and the one who waits for it.
pub(crate) fn pair() -> (Signal, Listener) {
    let (writer, reader) = wit_stream::new();
    (Signal { _writer: writer }, Listener(reader))
}

impl Listener {
    /// Returns when the signal is dropped.
    pub(crate) async fn wait(&mut self) {
        // Nothing is ever written.
        self.0.read(Vec::with_capacity(1)).await;
    }
}
