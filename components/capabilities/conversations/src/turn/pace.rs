//! When a writer stores what has received, and when it looks for signals. Pure: times are
//! milliseconds of a monotonic clock.

/// How long text waits before it is stored: what a crash may cost.
const STORE_AFTER: u64 = 2_000;

/// How many bytes of text wait before they are stored.
const STORE_BYTES: usize = 8 * 1024;

/// Silence after which a heartbeat is stored. It must be well below
/// [`crate::state::REPLY_OVERDUE`].
const HEARTBEAT: u64 = 30_000;

/// The same while a reader follows the reply.
const STORE_AFTER_FOLLOWED: u64 = 200;
const HEARTBEAT_FOLLOWED: u64 = 3_000;

/// How often the writer reads its signal key. A reply is cancelled within this time, at the cost of
/// one read.
const POLL_EVERY: u64 = 250;

/// A reader that follows a reply signals more often than this.
const FOLLOWED_FOR: u64 = 12_000;

#[derive(Debug)]
pub(super) struct Pace {
    /// Since when the oldest text waits, or since the last write where none waits.
    waiting_since: u64,
    has_pending: bool,
    /// When the caller was last there.
    called_at: u64,
    polled_at: u64,
    signalled_at: Option<u64>,
}

impl Pace {
    pub(super) fn new(now: u64) -> Self {
        Self {
            waiting_since: now,
            has_pending: false,
            called_at: now,
            polled_at: now,
            signalled_at: None,
        }
    }

    /// The caller is there, perhaps with text, which may have waited since the last time.
    pub(super) fn called(&mut self, now: u64, has_text: bool) {
        if has_text && !self.has_pending {
            self.has_pending = true;
            self.waiting_since = self.called_at.max(self.waiting_since);
        }
        self.called_at = now;
    }

    /// Everything so far, or a heartbeat, is stored.
    pub(super) fn stored(&mut self, now: u64) {
        self.has_pending = false;
        self.waiting_since = now;
    }

    /// The signal key was read.
    pub(super) fn polled(&mut self, now: u64) {
        self.polled_at = now;
    }

    /// A reader or somebody who cancels the reply has signalled.
    pub(super) fn signalled(&mut self, now: u64) {
        self.signalled_at = Some(now);
    }

    pub(super) fn is_poll_due(&self, now: u64) -> bool {
        self.until_poll(now) == 0
    }

    pub(super) fn is_store_due(&self, now: u64, pending_bytes: usize) -> bool {
        pending_bytes >= STORE_BYTES || self.until_store(now) == 0
    }

    /// When the writer has to act next: after how many milliseconds, or how many more bytes.
    pub(super) fn resume_after(&self, now: u64, pending_bytes: usize) -> (u64, usize) {
        (
            self.until_store(now).min(self.until_poll(now)),
            STORE_BYTES.saturating_sub(pending_bytes),
        )
    }

    fn until_poll(&self, now: u64) -> u64 {
        POLL_EVERY.saturating_sub(now.saturating_sub(self.polled_at))
    }

    fn until_store(&self, now: u64) -> u64 {
        let since_signal = self.signalled_at.map(|at| now.saturating_sub(at));
        let is_followed = since_signal.is_some_and(|since| since < FOLLOWED_FOR);
        let patience = match (self.has_pending, is_followed) {
            (true, false) => STORE_AFTER,
            (true, true) => STORE_AFTER_FOLLOWED,
            (false, false) => HEARTBEAT,
            (false, true) => HEARTBEAT_FOLLOWED,
        };
        patience.saturating_sub(now.saturating_sub(self.waiting_since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_nobody_reads_is_stored_after_two_seconds_or_eight_kilobytes() {
        let mut pace = Pace::new(0);
        pace.called(100, false);
        pace.called(300, true);
        assert!(!pace.is_store_due(2_099, STORE_BYTES - 1));
        assert!(pace.is_store_due(2_100, 1));
        assert!(pace.is_store_due(100, STORE_BYTES));
        pace.stored(2_100);
        assert!(!pace.is_store_due(32_099, 0));
        assert!(pace.is_store_due(32_100, 0), "heartbeat");
    }

    #[test]
    fn text_that_is_followed_is_stored_within_200_ms_until_signals_end() {
        let mut pace = Pace::new(0);
        pace.signalled(1_000);
        pace.called(1_000, false);
        pace.called(1_100, true);
        assert!(pace.is_store_due(1_200, 1));
        pace.stored(1_200);
        assert!(pace.is_store_due(4_200, 0), "heartbeat");
        pace.stored(4_200);
        pace.called(13_000, false);
        pace.called(13_100, true);
        assert!(!pace.is_store_due(13_200, 1), "nobody signals any more");
    }

    #[test]
    fn resume_after_is_the_sooner_of_storing_and_polling() {
        let mut pace = Pace::new(0);
        assert_eq!(pace.resume_after(0, 0), (250, STORE_BYTES));
        assert!(pace.is_poll_due(250));
        pace.polled(250);
        pace.signalled(250);
        pace.called(250, false);
        pace.called(260, true);
        assert_eq!(pace.resume_after(300, 1_000), (150, STORE_BYTES - 1_000));
    }
}
