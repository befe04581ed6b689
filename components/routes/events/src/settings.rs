//! Variables.

use std::time::Duration;
use unix_time::now_ms;

use spin_sdk::variables;

async fn number(name: &str, default: u64) -> u64 {
    let value = variables::get(name).await.ok();
    value
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}

/// The interval in which the database is asked for events.
pub(crate) async fn poll_interval() -> Duration {
    Duration::from_millis(number("realtime_poll_ms", 1_000).await.clamp(50, 60_000))
}

/// The time from which on events are read, in milliseconds since the epoch.
pub(crate) async fn oldest() -> u64 {
    let hours = number("realtime_retention_hours", 72).await;
    now_ms().saturating_sub(hours.saturating_mul(3_600_000))
}
