//! A stored response.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::keys::Fingerprint;

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    v: u32,
    fingerprint: String,
    /// When it was stored, in milliseconds since the epoch.
    at: u64,
    body: String,
}

/// Whether an entry is the response to a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Match {
    Hit {
        body: String,
        age: Duration,
    },
    /// It is the response to another request, or cannot be read.
    Other,
    /// It is too old.
    Expired,
}

impl Entry {
    pub(crate) fn new(fingerprint: &Fingerprint, at: u64, body: String) -> Self {
        Self {
            v: VERSION,
            fingerprint: fingerprint.text().to_owned(),
            at,
            body,
        }
    }

    /// None if it cannot be serialized, which text always can.
    pub(crate) fn to_bytes(&self) -> Option<Vec<u8>> {
        serde_json::to_vec(self).ok()
    }

    /// The response in stored bytes, if they can be read.
    pub(crate) fn body_of(bytes: &[u8]) -> Option<String> {
        let entry = serde_json::from_slice::<Self>(bytes).ok();
        Some(entry.filter(|entry| entry.v == VERSION)?.body)
    }

    /// Compares stored bytes with a request at the time `now`; responses are kept for `time`.
    pub(crate) fn compare(
        bytes: &[u8],
        fingerprint: &Fingerprint,
        now: u64,
        time: Duration,
    ) -> Match {
        let Some(entry) = serde_json::from_slice::<Self>(bytes)
            .ok()
            .filter(|entry| entry.v == VERSION)
        else {
            return Match::Other;
        };
        // A time in the future comes from a clock that is ahead of ours.
        let Some(age) = now.checked_sub(entry.at).map(Duration::from_millis) else {
            return Match::Other;
        };
        if age >= time {
            return Match::Expired;
        }
        if entry.fingerprint != fingerprint.text() {
            return Match::Other;
        }
        Match::Hit {
            body: entry.body,
            age,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TIME: Duration = Duration::from_secs(60);

    fn fingerprint(digit: &str) -> Fingerprint {
        Fingerprint::new(digit.repeat(64)).unwrap()
    }

    fn stored() -> Vec<u8> {
        let entry = Entry::new(&fingerprint("a"), 1_000, "{\"a\":\"é\"}".to_owned());
        entry.to_bytes().unwrap()
    }

    #[test]
    fn compare_of_an_entry_depends_on_request_and_time() {
        let bytes = stored();
        let compare = |digit, now| Entry::compare(&bytes, &fingerprint(digit), now, TIME);
        let hit = |seconds| Match::Hit {
            body: "{\"a\":\"é\"}".to_owned(),
            age: Duration::from_secs(seconds),
        };
        assert_eq!(compare("a", 1_000), hit(0));
        assert_eq!(compare("a", 60_000), hit(59));
        assert_eq!(compare("a", 61_000), Match::Expired);
        assert_eq!(compare("b", 61_000), Match::Expired);
        assert_eq!(compare("b", 1_000), Match::Other);
        assert_eq!(compare("a", 999), Match::Other);
    }

    #[test]
    fn compare_of_a_later_version_is_other() {
        let later = String::from_utf8(stored()).unwrap();
        let later = later.replace("\"v\":1", "\"v\":2");
        let result = Entry::compare(later.as_bytes(), &fingerprint("a"), 1_000, TIME);
        assert_eq!(result, Match::Other);
    }

    proptest! {
        #[test]
        fn compare_of_random_bytes_is_other(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(Entry::compare(&bytes, &fingerprint("a"), 1_000, TIME), Match::Other);
        }

        #[test]
        fn compare_of_truncated_bytes_is_other(cut in 0..stored().len()) {
            let bytes = &stored()[..cut];
            prop_assert_eq!(Entry::compare(bytes, &fingerprint("a"), 1_000, TIME), Match::Other);
        }
    }
}
