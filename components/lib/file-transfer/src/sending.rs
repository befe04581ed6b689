//! A body, or a part of a form, into the store.

use std::pin::pin;

use contracts::files::{
    files,
    types::{Error, File, Upload},
    wit_future, wit_stream,
};
use futures::future::{Either, select};
use http_edge::ApiError;
use spin_sdk::wit_bindgen::StreamWriter;

/// Sends the content of a file to the store.
pub struct Sender(Option<StreamWriter<u8>>);

impl Sender {
    /// Waits until the store has taken all bytes; false if it takes no more, because it has refused the
    /// file.
    pub async fn write(&mut self, bytes: Vec<u8>) -> bool {
        match &mut self.0 {
            Some(writer) => writer.write_all(bytes).await.is_empty(),
            None => false,
        }
    }

    /// Ends the content. What comes until the end of `send` decides whether the file is stored.
    pub fn end(&mut self) {
        self.0 = None;
    }
}

/// Stores a file whose content `send` sends. If `send` fails, nothing is stored.
///
/// # Errors
/// That of `send`, or the store's as the inner error.
pub async fn put(
    upload: Upload,
    send: impl AsyncFnOnce(&mut Sender) -> Result<(), ApiError>,
) -> Result<Result<File, Error>, ApiError> {
    let (writer, content) = wit_stream::new();
    let (complete, completed) = wit_future::new(|| false);
    let storing = pin!(files::put(upload, content, completed));
    let sending = pin!(async move {
        let mut sender = Sender(Some(writer));
        let sent = send(&mut sender).await;
        drop(sender);
        if sent.is_ok() {
            // The store may have refused the file and not care any more.
            let _ = complete.write(true).await;
        }
        sent
    });
    match select(storing, sending).await {
        Either::Left((stored, _)) => Ok(stored),
        Either::Right((Ok(()), storing)) => Ok(storing.await),
        Either::Right((Err(error), storing)) => {
            // The store deletes what it has.
            let _ = storing.await;
            Err(error)
        }
    }
}
