//! A stream without a proxy: the database is asked at an interval.

use std::time::Duration;

use contracts::messaging::connections;
use http_edge::{BodyWriter, LogRecord, Response};
use spin_sdk::time::sleep;

use crate::followed::Followed;
use crate::settings;

/// How long a stream lasts. The client comes back with the id of the last event.
const LIFETIME: Duration = Duration::from_secs(60);
/// The time between two comments.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

pub(crate) async fn stream(followed: Followed, beginning: Vec<u8>) -> Response {
    let interval = settings::poll_interval().await;
    let id = ids::new_uuid();
    Response::events(move |body, log| run(followed, beginning, interval, id, body, log))
}

async fn run(
    mut followed: Followed,
    beginning: Vec<u8>,
    interval: Duration,
    id: String,
    mut body: BodyWriter,
    mut log: LogRecord,
) -> LogRecord {
    let opened = connections::open(id.clone(), followed.owner.clone(), None).await;
    if let Err(error) = opened {
        log.error(&error_mapping::messaging(error));
        return log;
    }
    if body.write(beginning).await {
        follow(&mut followed, interval, &id, &mut body, &mut log).await;
    }
    let _ = connections::close(id).await;
    log
}

async fn follow(
    followed: &mut Followed,
    interval: Duration,
    id: &str,
    body: &mut BodyWriter,
    log: &mut LogRecord,
) {
    let (mut elapsed, mut silence, mut unchecked) =
        (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    while elapsed < LIFETIME {
        sleep(interval).await;
        for time in [&mut elapsed, &mut silence, &mut unchecked] {
            *time += interval;
        }
        // Signing out ends the stream.
        if unchecked >= Duration::from_secs(1) {
            unchecked = Duration::ZERO;
            match connections::check(id.to_owned()).await {
                Ok(Some(_)) => {}
                Ok(None) => return,
                Err(error) => return log.error(&error_mapping::messaging(error)),
            }
        }
        let mut bytes = match followed.advance().await {
            Ok(bytes) => bytes,
            Err(error) => return log.error(&error),
        };
        if bytes.is_empty() && silence >= KEEP_ALIVE {
            bytes = b": keep-alive\n\n".to_vec();
        }
        if !bytes.is_empty() {
            silence = Duration::ZERO;
            if !body.write(bytes).await {
                return;
            }
        }
    }
}
