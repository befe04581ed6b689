//! Counting the keys of the store by the capability that their names begin with.

use crate::bindings::exports::goldfish::accounts::directory::KeyCounts;

/// Maximum number of keys that are counted.
const MAX: u64 = 1_000_000;

/// Counts keys.
pub(crate) struct KeyCounter {
    counts: KeyCounts,
    /// How many more keys are counted.
    remaining: u64,
}

impl KeyCounter {
    pub(crate) fn new() -> Self {
        Self::with_limit(MAX)
    }

    fn with_limit(remaining: u64) -> Self {
        let counts = KeyCounts {
            identity: 0,
            conversations: 0,
            quota: 0,
            other: 0,
            complete: true,
        };
        Self { counts, remaining }
    }

    /// Counts a key. False if the limit is reached.
    pub(crate) fn add(&mut self, key: &str) -> bool {
        if self.remaining == 0 {
            self.counts.complete = false;
            return false;
        }
        self.remaining = self.remaining.saturating_sub(1);
        let owner = key.split_once(':').map(|(owner, _)| owner);
        let count = match owner {
            Some("identity") => &mut self.counts.identity,
            Some("conv") => &mut self.counts.conversations,
            Some("quota") => &mut self.counts.quota,
            _ => &mut self.counts.other,
        };
        *count = count.saturating_add(1);
        true
    }

    pub(crate) fn finish(self) -> KeyCounts {
        self.counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn add_counts_keys_by_capability() {
        let mut counter = KeyCounter::with_limit(6);
        for key in [
            "identity:u:user_1.3",
            "conv:user_1.1",
            "conv:user_1.2",
            "quota:u:user_1",
            "conversation",
            "",
        ] {
            assert!(counter.add(key), "{key}");
        }
        let expected = KeyCounts {
            identity: 1,
            conversations: 2,
            quota: 1,
            other: 2,
            complete: true,
        };
        assert_eq!(counter.finish(), expected);
    }

    #[test]
    fn add_beyond_limit_is_incomplete() {
        let mut counter = KeyCounter::with_limit(1);
        assert!(counter.add("conv:a"));
        assert!(!counter.add("conv:b"));
        let counts = counter.finish();
        assert_eq!((counts.conversations, counts.complete), (1, false));
    }
}
