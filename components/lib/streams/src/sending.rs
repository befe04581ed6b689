//! A part of a stream into a stream of bytes.

use futures::join;
use spin_sdk::{wasip3::spawn, wit_bindgen::StreamReader};

use crate::{
    bindings::wit_stream,
    limits::{Platform, connect, session},
    read::Reading,
    types::{Error, Part},
};

/// Sends the content of a part, as fast as the caller takes it. While one piece is taken, the next one is read.
pub(crate) fn send<P: Platform>(mut reading: Reading) -> (Part, StreamReader<u8>) {
    let part = reading.part.clone();
    let (mut bytes, content) = wit_stream::new();
    spawn(async move {
        let mut piece = next::<P>(&mut reading).await;
        // After an error the caller sees that the content ends early.
        while let Ok(Some(some)) = piece {
            let (left, next) = join!(bytes.write_all(some), next::<P>(&mut reading));
            if !left.is_empty() {
                // The caller has dropped the stream.
                break;
            }
            piece = next;
        }
    });
    (part, content)
}

/// A connection of PostgreSQL is one of a pool, so it is given back while the caller takes a piece.
async fn next<P: Platform>(reading: &mut Reading) -> Result<Option<Vec<u8>>, Error> {
    let database = &*connect::<P>().await?;
    session::<P>(database).await.next_piece(reading).await
}
