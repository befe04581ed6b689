//! The arithmetic of a sliding window that is made of two fixed ones.
//!
//! Time is cut into minutes. What counts against a request is what was taken in its own minute, and
//! of the minute before as large a part as still lies within the last 60 seconds, as if that minute
//! had been used evenly:
//!
//! `used in this minute + used in the last one × (60 s - elapsed in this minute) / 60 s ≤ limit`
//!
//! So no minute of the clock ever admits more than the limit, evenly spread requests are held to
//! it exactly, and the worst that can be had in any 60 seconds, by taking the whole limit at the
//! very end of a minute, stays below twice the limit.

use crate::exports::limits::Allowance;

/// Length of a window, in milliseconds.
pub(crate) const WINDOW_MS: u64 = 60_000;

/// Where a subject stands at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    /// Requests a window; not 0.
    pub(crate) limit: u32,
    /// Slots used in this window.
    pub(crate) used: u64,
    /// Slots used in the window before.
    pub(crate) previous: u64,
    /// Milliseconds since this window began, below `WINDOW_MS`.
    pub(crate) elapsed: u64,
}

impl Standing {
    /// Whether what is used is within the limit.
    pub(crate) fn is_within(&self) -> bool {
        self.weight_of_previous() + self.used.saturating_mul(WINDOW_MS) <= self.capacity()
    }

    /// What to tell the client. Monotone: while nothing but requests happens, `remaining` falls by
    /// one with each.
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
        // In this window, once little enough of the previous one is left over.
        let fits = |previous: u64, room: u64| match previous {
            0 => WINDOW_MS,
            previous => (room * WINDOW_MS / previous).min(WINDOW_MS),
        };
        let here = limit
            .checked_sub(self.used.saturating_add(wanted))
            .map(|room| left.saturating_sub(fits(self.previous(), room)))
            .filter(|wait| *wait < left);
        // Else in the next one, where this one is the previous.
        let wait = here.unwrap_or_else(|| {
            let room = limit.saturating_sub(wanted);
            left + (WINDOW_MS - fits(self.used.min(limit), room))
        });
        u32::try_from(wait.div_ceil(1000))
            .unwrap_or(u32::MAX)
            .max(1)
    }

    /// What the previous window counts, at most the limit: whoever was refused there must not be
    /// refused for longer on that account.
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

    fn standing(limit: u32, used: u64, previous: u64, elapsed: u64) -> Standing {
        Standing {
            limit,
            used,
            previous,
            elapsed,
        }
    }

    #[test]
    fn the_last_minute_fades() {
        assert!(!standing(60, 1, 60, 0).is_within());
        assert!(!standing(60, 1, 60, 999).is_within());
        assert!(standing(60, 1, 60, 1000).is_within());
        assert!(standing(60, 30, 60, 30_000).is_within());
        assert!(!standing(60, 31, 60, 30_000).is_within());
        assert!(standing(60, 60, 0, 0).is_within());
        assert!(!standing(60, 61, 0, 59_999).is_within());
    }

    #[test]
    fn a_minute_far_over_the_limit_counts_as_a_full_one() {
        assert!(standing(60, 30, 1_000_000, 30_000).is_within());
    }

    #[test]
    fn the_allowance_counts_down() {
        assert_eq!(
            standing(60, 1, 0, 0).allowance(),
            Allowance {
                limit: 60,
                remaining: 59,
                // The whole next minute, until the one request has faded away.
                reset_after: 120,
            }
        );
        assert_eq!(standing(60, 60, 0, 20_000).allowance().remaining, 0);
        // 40 s to the next minute and 1 s until a sixtieth of this one has faded.
        assert_eq!(standing(60, 60, 0, 20_000).allowance().reset_after, 41);
        assert_eq!(standing(60, 0, 60, 500).allowance().reset_after, 1);
        assert_eq!(standing(1, 0, 1, 10_000).allowance().reset_after, 50);
        assert_eq!(standing(1, 1, 0, 10_000).allowance().reset_after, 110);
    }
}
