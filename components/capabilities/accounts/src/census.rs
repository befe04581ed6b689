//! For the operator: how much there is in the store. Names of keys begin with the capability whose
//! they are.

use crate::bindings::exports::goldfish::accounts::directory::KeyCounts;

/// Keys that one census counts, at most.
const MAX: u64 = 1_000_000;

/// What has been counted so far.
pub(crate) struct Census {
    counts: KeyCounts,
    /// Keys that may still be counted.
    room: u64,
}

impl Census {
    pub(crate) fn new() -> Self {
        Self::of_at_most(MAX)
    }

    fn of_at_most(room: u64) -> Self {
        let counts = KeyCounts {
            identity: 0,
            conversations: 0,
            quota: 0,
            other: 0,
            complete: true,
        };
        Self { counts, room }
    }

    /// Counts a key; false if there is no room for it, and nothing more to be done.
    pub(crate) fn add(&mut self, key: &str) -> bool {
        if self.room == 0 {
            self.counts.complete = false;
            return false;
        }
        self.room = self.room.saturating_sub(1);
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
    fn keys_are_counted_by_whose_they_are() {
        let mut census = Census::of_at_most(6);
        for key in [
            "identity:u:user_1.3",
            "conv:user_1.1",
            "conv:user_1.2",
            "quota:u:user_1",
            "conversation",
            "",
        ] {
            assert!(census.add(key), "{key}");
        }
        let expected = KeyCounts {
            identity: 1,
            conversations: 2,
            quota: 1,
            other: 2,
            complete: true,
        };
        assert_eq!(census.finish(), expected);
    }

    #[test]
    fn what_is_beyond_the_bound_is_told_of() {
        let mut census = Census::of_at_most(1);
        assert!(census.add("conv:a"));
        assert!(!census.add("conv:b"));
        let counts = census.finish();
        assert_eq!((counts.conversations, counts.complete), (1, false));
    }
}
