//! A download: from the store into a stream for the caller.

use spin_sdk::wasip3::spawn;
use spin_sdk::wit_bindgen::{FutureReader, StreamReader};

use crate::bindings::exports::goldfish::files::types::Error;
use crate::bindings::{wit_future, wit_stream};
use crate::store::Reader;

/// A content, and whether all of it was sent.
pub(crate) type Content = (StreamReader<u8>, FutureReader<Result<(), Error>>);

/// Sends what the reader reads, as fast as the caller takes it.
pub(crate) fn send(reader: impl Reader + 'static) -> Content {
    let (mut bytes, content) = wit_stream::new();
    let (end, ended) = wit_future::new(|| Err(Error::Incomplete));
    spawn(async move {
        let mut reader = reader;
        let sent = loop {
            match reader.next().await {
                Ok(Some(some)) => {
                    // The rest was not read: the caller dropped the stream.
                    if !bytes.write_all(some).await.is_empty() {
                        break Err(Error::Incomplete);
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        drop(bytes);
        // The caller may not want to know.
        let _ = end.write(sent).await;
    });
    (content, ended)
}
