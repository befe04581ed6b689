//! How much a client may send.

/// Bytes of a message.
pub const MESSAGE_MAX: usize = 64 * 1024;
/// Messages of a socket in a minute.
pub const MESSAGES_MAX: u32 = 100;
const MINUTE: u64 = 60_000;

/// Counts the messages of a socket in a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MessageCounter {
    /// The beginning of the minute, in milliseconds since the epoch.
    pub(crate) since: u64,
    /// The messages since.
    pub(crate) messages: u32,
}

impl MessageCounter {
    /// Counts a message at `now`, in milliseconds since the epoch; false if there were too many.
    pub(crate) fn admits(&mut self, now: u64) -> bool {
        if now.saturating_sub(self.since) >= MINUTE {
            *self = Self {
                since: now,
                messages: 0,
            };
        }
        self.messages = self.messages.saturating_add(1);
        self.messages <= MESSAGES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admits_up_to_the_limit_of_each_minute() {
        let mut counter = MessageCounter::default();
        for _ in 0..MESSAGES_MAX {
            assert!(counter.admits(MINUTE));
        }
        assert!(!counter.admits(2 * MINUTE - 1));
        assert!(counter.admits(2 * MINUTE));
    }
}
