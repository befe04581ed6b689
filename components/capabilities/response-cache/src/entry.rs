//! What is stored of an answer.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::names::Fingerprint;

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    v: u32,
    fingerprint: String,
    /// When it was kept, in milliseconds since the epoch.
    at: u64,
    body: String,
}

/// How an entry answers a question.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Fits {
        body: String,
        age: Duration,
    },
    /// It is another question's, or none that can be read.
    Other,
    /// Nobody is to be given it any more.
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

    /// None if it cannot be written, which text always can.
    pub(crate) fn to_bytes(&self) -> Option<Vec<u8>> {
        serde_json::to_vec(self).ok()
    }

    /// What stored bytes say at the time `now` to a question, where answers are kept for `time`.
    pub(crate) fn judge(
        bytes: &[u8],
        fingerprint: &Fingerprint,
        now: u64,
        time: Duration,
    ) -> Verdict {
        let Some(entry) = serde_json::from_slice::<Self>(bytes)
            .ok()
            .filter(|entry| entry.v == VERSION)
        else {
            return Verdict::Other;
        };
        // One that is not kept yet is of a clock that goes before ours, or of none.
        let Some(age) = now.checked_sub(entry.at).map(Duration::from_millis) else {
            return Verdict::Other;
        };
        if age >= time {
            return Verdict::Expired;
        }
        if entry.fingerprint != fingerprint.text() {
            return Verdict::Other;
        }
        Verdict::Fits {
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
    fn an_entry_is_for_one_question_and_a_time() {
        let bytes = stored();
        let judge = |digit, now| Entry::judge(&bytes, &fingerprint(digit), now, TIME);
        let fits = |seconds| Verdict::Fits {
            body: "{\"a\":\"é\"}".to_owned(),
            age: Duration::from_secs(seconds),
        };
        assert_eq!(judge("a", 1_000), fits(0));
        assert_eq!(judge("a", 60_000), fits(59));
        assert_eq!(judge("a", 61_000), Verdict::Expired);
        assert_eq!(judge("b", 61_000), Verdict::Expired);
        assert_eq!(judge("b", 1_000), Verdict::Other);
        assert_eq!(judge("a", 999), Verdict::Other);
    }

    #[test]
    fn another_version_is_nothing_to_us() {
        let later = String::from_utf8(stored()).unwrap();
        let later = later.replace("\"v\":1", "\"v\":2");
        let verdict = Entry::judge(later.as_bytes(), &fingerprint("a"), 1_000, TIME);
        assert_eq!(verdict, Verdict::Other);
    }

    proptest! {
        #[test]
        fn no_bytes_are_an_answer_by_accident(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(Entry::judge(&bytes, &fingerprint("a"), 1_000, TIME), Verdict::Other);
        }

        #[test]
        fn what_is_cut_short_is_no_answer(cut in 0..stored().len()) {
            let bytes = &stored()[..cut];
            prop_assert_eq!(Entry::judge(bytes, &fingerprint("a"), 1_000, TIME), Verdict::Other);
        }
    }
}
