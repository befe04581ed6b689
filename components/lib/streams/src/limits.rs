//! How much a user may have, and what every operation begins with.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};
use unix_time::now_ms;

use sql::Connect;

use crate::{Session, types::Error};

/// The default of the variable `max_streams`.
const DEFAULT_STREAMS: u64 = 1000;
/// The default of the variable `max_stream_bytes`.
const DEFAULT_STREAM_BYTES: u64 = 64 * 1024 * 1024;
/// The default of the variable `max_streams_bytes`.
const DEFAULT_TOTAL_BYTES: u64 = 256 * 1024 * 1024;
/// The default of the variable `max_stream_readers`.
const DEFAULT_READERS: u64 = 200;

/// How much a user may store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Streams of a user.
    pub(crate) streams: u64,
    /// Bytes of a stream, the content of its source included.
    pub(crate) stream_bytes: u64,
    /// Bytes of all streams of a user, without what forks share with their sources.
    pub(crate) total_bytes: u64,
    /// The most readers that follow a user's streams at once.
    pub(crate) readers: u64,
}

/// The functions of a component's platform, in addition to its connections.
pub trait Platform: Connect {
    /// The value of a variable; none if it is not granted.
    fn variable(name: &str) -> impl Future<Output = Option<String>>;

    /// Waits.
    fn sleep(time: Duration) -> impl Future<Output = ()>;
}

/// A connection to the database.
pub(crate) async fn connect<P: Platform>() -> Result<P::Handle, Error> {
    P::connect()
        .await
        .map_err(|cause| Error::Unavailable(format!("streams: {cause}")))
}

/// The context of an operation that begins now.
pub(crate) async fn session<P: Platform>(database: &P::Database) -> Session<'_, P::Database> {
    let now = now_ms();
    Session {
        database,
        now,
        limits: limits::<P>(now).await,
    }
}

/// How long limits are used before the variables are read again, in milliseconds. Variables may come from a vault.
const FRESH: u64 = 30_000;

/// The limits. Routes that only erase are not granted the variables, and do not need them.
async fn limits<P: Platform>(now: u64) -> Limits {
    static CACHED: Mutex<Option<(u64, Limits)>> = Mutex::new(None);
    let cached = *CACHED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, limits)) = cached.filter(|(read_at, _)| now.saturating_sub(*read_at) < FRESH) {
        return limits;
    }
    let limits = Limits {
        streams: number::<P>("max_streams", DEFAULT_STREAMS).await,
        stream_bytes: number::<P>("max_stream_bytes", DEFAULT_STREAM_BYTES).await,
        total_bytes: number::<P>("max_streams_bytes", DEFAULT_TOTAL_BYTES).await,
        readers: number::<P>("max_stream_readers", DEFAULT_READERS).await,
    };
    *CACHED.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, limits));
    limits
}

async fn number<P: Platform>(name: &str, default: u64) -> u64 {
    let value = P::variable(name).await;
    value
        .and_then(|value| value.trim().parse().ok())
        .unwrap_or(default)
}
