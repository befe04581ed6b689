//! The arithmetic of a sliding window that is made of two fixed ones.
//!
//! Time is divided into minutes. A request counts those of its own minute, and as large a part of those of
//! the previous minute as is within the last 60 seconds, as if that minute had been used evenly:
//!
//! `used in this minute + used in the last one × (60 s - elapsed in this minute) / 60 s ≤ limit`
//!
//! So no minute of the clock admits more than the limit, and evenly spread requests are limited exactly. Any
//! 60 seconds admit less than twice the limit; that is reached by using the whole limit at the end of a
//! minute.

use crate::exports::limits::Allowance;

/// Length of a window, in milliseconds.
pub(crate) const WINDOW_MS: u64 = 60_000;

/// The use of a subject's window at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WindowState {
    /// Requests per window; not 0.
    pub(crate) limit: u32,
    /// Slots used in this window.
    pub(crate) used: u64,
    /// Slots used in the window before.
    pub(crate) previous: u64,
    /// Milliseconds since this window began, below `WINDOW_MS`.
    pub(crate) elapsed: u64,
}

impl WindowState {
    /// Whether the use is within the limit.
    pub(crate) fn is_within(&self) -> bool {
        self.weight_of_previous() + self.used.saturating_mul(WINDOW_MS) <= self.capacity()
    }

    /// The allowance for the client. `remaining` decreases by one with each request.
    pub(crate) fn allowance(&self) -> Allowance {
        let remaining = self.remaining();
        Allowance {
            limit: self.limit,
            remaining: u32::try_from(remaining).unwrap_or(self.limit),
            reset_after: self.seconds_until(remaining + 1),
        }
    }

    /// How many more requests would be admitted right now.
    fn remaining(&self) -> u64 {
        let taken = self.weight_of_previous() + self.used.saturating_mul(WINDOW_MS);
        self.capacity().saturating_sub(taken) / WINDOW_MS
    }

    /// Seconds until `wanted` more requests (at least 1) would be admitted if none came before;
    /// rounded up, at least 1.
    fn seconds_until(&self, wanted: u64) -> u32 {
        let limit = u64::from(self.limit);
        let left = WINDOW_MS.saturating_sub(self.elapsed);
        // In this window, when little enough of the previous one still counts.
        let fits = |previous: u64, room: u64| match previous {
            0 => WINDOW_MS,
            previous => (room * WINDOW_MS / previous).min(WINDOW_MS),
        };
        let here = limit
            .checked_sub(self.used.saturating_add(wanted))
            .map(|room| left.saturating_sub(fits(self.previous(), room)))
            .filter(|wait| *wait < left);
        // Otherwise in the next one, where this one is the previous.
        let wait = here.unwrap_or_else(|| {
            let room = limit.saturating_sub(wanted);
            left + (WINDOW_MS - fits(self.used.min(limit), room))
        });
        u32::try_from(wait.div_ceil(1000))
            .unwrap_or(u32::MAX)
            .max(1)
    }

    /// The use of the previous window, at most the limit: refused requests must not extend the wait.
    fn previous(&self) -> u64 {
        self.previous.min(u64::from(self.limit))
    }

    fn weight_of_previous(&self) -> u64 {
        self.previous() * WINDOW_MS.saturating_sub(self.elapsed)
    }

    fn capacity(&self) -> u64 {
        u64::from(self.limit) * WINDOW_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(limit: u32, used: u64, previous: u64, elapsed: u64) -> WindowState {
        WindowState {
            limit,
            used,
            previous,
            elapsed,
        }
    }

    #[test]
    fn is_within_counts_the_rest_of_the_previous_minute() {
        assert!(!state(60, 1, 60, 0).is_within());
        assert!(!state(60, 1, 60, 999).is_within());
        assert!(state(60, 1, 60, 1000).is_within());
        assert!(state(60, 30, 60, 30_000).is_within());
        assert!(!state(60, 31, 60, 30_000).is_within());
        assert!(state(60, 60, 0, 0).is_within());
        assert!(!state(60, 61, 0, 59_999).is_within());
    }

    #[test]
    fn is_within_counts_at_most_the_limit_of_the_previous_minute() {
        assert!(state(60, 30, 1_000_000, 30_000).is_within());
    }

    #[test]
    fn allowance_decreases_with_use() {
        assert_eq!(
            state(60, 1, 0, 0).allowance(),
            Allowance {
                limit: 60,
                remaining: 59,
                // The whole next minute, until the one request no longer counts.
                reset_after: 120,
            }
        );
        assert_eq!(state(60, 60, 0, 20_000).allowance().remaining, 0);
        // 40 s to the next minute, and 1 s until a sixtieth of this one no longer counts.
        assert_eq!(state(60, 60, 0, 20_000).allowance().reset_after, 41);
        assert_eq!(state(60, 0, 60, 500).allowance().reset_after, 1);
        assert_eq!(state(1, 0, 1, 10_000).allowance().reset_after, 50);
        assert_eq!(state(1, 1, 0, 10_000).allowance().reset_after, 110);
    }
}
