//! An upload: from the stream of the caller into the store.

use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

use file_rules::intake::Declared;
use file_rules::{Intake, Limits, name};
use futures::future::{Either, select};
use spin_sdk::time::sleep;
use spin_sdk::wit_bindgen::{FutureReader, StreamReader, StreamResult};

use crate::bindings::exports::goldfish::files::types::{Error, File, Upload};
use crate::conversions::from_wit;
use crate::store::{NewFile, Store, Writer as _};

/// Most bytes of one read.
const BUFFER: usize = 64 * 1024;
/// How long nothing may arrive.
const IDLE: Duration = Duration::from_secs(30);
/// How long an upload may take.
const DEADLINE: Duration = Duration::from_secs(30 * 60);

/// Stores a file.
pub(crate) async fn receive<S: Store>(
    store: &S,
    limits: Limits,
    upload: Upload,
    content: StreamReader<u8>,
    complete: FutureReader<bool>,
    now: u64,
) -> Result<File, Error> {
    let purpose = from_wit(upload.purpose);
    let declared = Declared {
        purpose,
        name: name::clean(upload.name.as_deref().unwrap_or_default()),
        media_type: upload.media_type.unwrap_or_default(),
    };
    let file = NewFile {
        id: ids::new_uuid_at(now),
        owner: upload.owner,
        name: declared.name.clone(),
        media_type: "",
        purpose,
        created_at: now,
    };
    let used = store.used_bytes(&file.owner).await?;
    let mut receiving = Receiving {
        store,
        limits,
        left: limits.storage.saturating_sub(used),
        file,
        writer: None,
    };
    let intake = Intake::new(declared, limits.of(purpose));
    match receiving.take(intake, content, complete).await {
        Ok(()) => {}
        Err(error) => {
            if let Some(writer) = receiving.writer {
                writer.abort().await;
            }
            return Err(error);
        }
    }
    match receiving.writer {
        Some(writer) => writer.finish().await,
        None => Err(Error::Incomplete),
    }
}

struct Receiving<'a, S: Store> {
    store: &'a S,
    limits: Limits,
    /// Bytes that the user may still store.
    left: u64,
    file: NewFile,
    /// None before the media type is known.
    writer: Option<S::Writer>,
}

impl<S: Store> Receiving<'_, S> {
    /// Takes everything that arrives.
    async fn take(
        &mut self,
        mut intake: Intake,
        mut content: StreamReader<u8>,
        complete: FutureReader<bool>,
    ) -> Result<(), Error> {
        let began = Instant::now();
        let mut buffer = Vec::with_capacity(BUFFER);
        loop {
            buffer.clear();
            let (result, read) = in_time(content.read(buffer)).await?;
            buffer = read;
            let mut out = Vec::new();
            intake.push(&buffer, &mut out)?;
            if let Some(media_type) = intake.media_type() {
                self.write(media_type, out).await?;
            }
            if !matches!(result, StreamResult::Complete(_)) {
                break;
            }
            if began.elapsed() > DEADLINE {
                return Err(Error::Incomplete);
            }
        }
        let mut out = Vec::new();
        let media_type = intake.finish(&mut out)?;
        self.write(media_type, out).await?;
        // The caller says so after it has seen the end of the request.
        let left = DEADLINE.saturating_sub(began.elapsed());
        match select(pin!(complete.into_future()), pin!(sleep(left))).await {
            Either::Left((true, _)) => Ok(()),
            _ => Err(Error::Incomplete),
        }
    }

    async fn write(&mut self, media_type: &'static str, bytes: Vec<u8>) -> Result<(), Error> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.left = self
            .left
            .checked_sub(length)
            .ok_or(Error::StorageFull(self.limits.storage))?;
        if self.writer.is_none() {
            self.file.media_type = media_type;
            let begun = self.store.begin(self.file.clone(), self.limits).await?;
            self.writer = Some(begun);
        }
        match &mut self.writer {
            Some(writer) if !bytes.is_empty() => writer.write(bytes).await,
            _ => Ok(()),
        }
    }
}

async fn in_time<T>(reading: impl Future<Output = T>) -> Result<T, Error> {
    match select(pin!(reading), pin!(sleep(IDLE))).await {
        Either::Left((read, _)) => Ok(read),
        Either::Right(_) => Err(Error::Incomplete),
    }
}
