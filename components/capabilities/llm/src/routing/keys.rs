//! Several keys of one provider: `key*3,key2` gives the first three times as many requests as the
//! second. A key that is rejected or has reached its limit is not used for a while; if all are not,
//! the one that becomes usable first is used.

use crate::bindings::Error;
use crate::secret::Secret;
use std::time::{Duration, Instant};

/// Most keys that are read.
const MOST_KEYS: usize = 100;
const MOST_WEIGHT: u32 = 1_000;

/// How long a rejected key is not used.
const AFTER_REFUSAL: Duration = Duration::from_secs(60);

/// How long a key at its limit is not used, if the provider does not send a time.
const AFTER_LIMIT: Duration = Duration::from_secs(10);

/// The same if the provider says, at most.
const LONGEST_REST: Duration = Duration::from_secs(600);

/// Whether a variable holds a key.
pub(crate) fn are_in(value: &str) -> bool {
    parse(value).next().is_some()
}

/// The keys with their weights. A weight of 0 takes a key out of use.
fn parse(value: &str) -> impl Iterator<Item = (&str, u32)> {
    value
        .split(',')
        .map(|item| weighted(item.trim()))
        .filter(|(key, weight)| !key.is_empty() && *weight > 0)
        .take(MOST_KEYS)
}

fn weighted(item: &str) -> (&str, u32) {
    let Some((key, weight)) = item.rsplit_once('*') else {
        return (item, 1);
    };
    match weight.trim().parse::<u32>() {
        Ok(weight) => (key.trim_end(), weight.min(MOST_WEIGHT)),
        Err(_) => (item, 1),
    }
}

/// The keys that are not used, by their position in the list, and until when.
#[derive(Debug, Default)]
pub(crate) struct Resting(Vec<(usize, Instant)>);

impl Resting {
    /// None.
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    fn until(&self, key: usize) -> Option<Instant> {
        self.0
            .iter()
            .find(|(resting, _)| *resting == key)
            .map(|(_, until)| *until)
    }

    fn rests(&self, key: usize, now: Instant) -> bool {
        self.until(key).is_some_and(|until| until > now)
    }

    /// The key to use now and its place; none when there is none at all.
    pub(crate) fn choose(
        &self,
        value: &str,
        now: Instant,
        random: impl FnOnce() -> u64,
    ) -> Option<(usize, Secret)> {
        let mut keys = parse(value).enumerate();
        let (first, second) = (keys.next()?, keys.next());
        let (place, (key, _)) = match second {
            None => first,
            Some(_) => self.choose_of_many(value, now, random)?,
        };
        Some((place, Secret::new(key)?))
    }

    fn choose_of_many<'a>(
        &self,
        value: &'a str,
        now: Instant,
        random: impl FnOnce() -> u64,
    ) -> Option<(usize, (&'a str, u32))> {
        let awake = || {
            parse(value)
                .enumerate()
                .filter(|(place, _)| !self.rests(*place, now))
        };
        let weights: u64 = awake().map(|(_, (_, weight))| u64::from(weight)).sum();
        let Some(mut at) = random().checked_rem(weights) else {
            return parse(value)
                .enumerate()
                .min_by_key(|(place, _)| self.until(*place));
        };
        awake().find(
            |(_, (_, weight))| match at.checked_sub(u64::from(*weight)) {
                None => true,
                Some(rest) => {
                    at = rest;
                    false
                }
            },
        )
    }

    /// Whether there is a usable key.
    pub(crate) fn is_any_awake(&self, value: &str, now: Instant) -> bool {
        parse(value)
            .enumerate()
            .any(|(place, _)| !self.rests(place, now))
    }

    /// Notes a failure of a request with this key.
    pub(crate) fn failed(&mut self, key: usize, error: &Error, now: Instant) {
        let rest = match error {
            Error::Misconfigured(_) => AFTER_REFUSAL,
            Error::RateLimited(temporary) => match temporary.retry_after {
                None => AFTER_LIMIT,
                Some(seconds) => Duration::from_secs(u64::from(seconds)).min(LONGEST_REST),
            },
            _ => return,
        };
        self.succeeded(key);
        self.0
            .extend(now.checked_add(rest).map(|until| (key, until)));
    }

    /// Notes a success of a request with this key.
    pub(crate) fn succeeded(&mut self, key: usize) {
        self.0.retain(|(resting, _)| *resting != key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::Temporary;
    use proptest::prelude::*;

    fn limited(retry_after: Option<u32>) -> Error {
        Error::RateLimited(Temporary {
            retry_after,
            cause: String::new(),
        })
    }

    fn keys(value: &str) -> Vec<(&str, u32)> {
        parse(value).collect()
    }

    fn chosen(resting: &Resting, value: &str, now: Instant, random: u64) -> Option<String> {
        let (_, key) = resting.choose(value, now, || random)?;
        Some(key.expose().to_owned())
    }

    #[test]
    fn parse_reads_weights() {
        assert_eq!(keys("sk-a"), [("sk-a", 1)]);
        assert_eq!(
            keys(" a * 3 , b,, c*0, d*x"),
            [("a", 3), ("b", 1), ("d*x", 1)]
        );
        assert_eq!(keys("a*99999"), [("a", 1_000)]);
        assert!(!are_in(" , ") && !are_in("a*0") && !are_in("*3"));
    }

    #[test]
    fn choose_respects_weights() {
        let (resting, now) = (Resting::new(), Instant::now());
        let all: Vec<_> = (0..4)
            .filter_map(|random| chosen(&resting, "a*3,b", now, random))
            .collect();
        assert_eq!(all, ["a", "a", "a", "b"]);
    }

    #[test]
    fn choose_of_one_key_is_that_key_always() {
        let (mut resting, now) = (Resting::new(), Instant::now());
        resting.failed(0, &Error::Misconfigured(String::new()), now);
        let key = resting.choose("only", now, || panic!("not needed"));
        assert_eq!(key.map(|(place, _)| place), Some(0));
        assert!(!resting.is_any_awake("only", now));
    }

    #[test]
    fn failed_key_is_not_used_for_a_while() {
        let (mut resting, now) = (Resting::new(), Instant::now());
        resting.failed(0, &limited(Some(7)), now);
        resting.failed(1, &Error::Failed(String::new()), now);
        assert_eq!(chosen(&resting, "a*9,b", now, 0).as_deref(), Some("b"));
        resting.failed(1, &Error::Misconfigured(String::new()), now);
        // All rest: the one that wakes first.
        assert_eq!(chosen(&resting, "a,b", now, 1).as_deref(), Some("a"));
        let later = now + Duration::from_secs(8);
        assert_eq!(chosen(&resting, "a,b", later, 1).as_deref(), Some("a"));
        resting.succeeded(1);
        assert_eq!(chosen(&resting, "a,b", later, 1).as_deref(), Some("b"));
    }

    proptest! {
        #[test]
        fn choose_gives_some_key_and_a_resting_one_only_if_all_rest(
            weights in proptest::collection::vec(0_u32..5, 1..6),
            failing in proptest::collection::vec(any::<bool>(), 6),
            random in any::<u64>(),
        ) {
            let value: Vec<String> = weights
                .iter()
                .enumerate()
                .map(|(key, weight)| format!("k{key}*{weight}"))
                .collect();
            let value = value.join(",");
            let usable = weights.iter().filter(|weight| **weight > 0).count();
            let (mut resting, now) = (Resting::new(), Instant::now());
            for place in (0..usable).filter(|place| failing[*place]) {
                resting.failed(place, &Error::Misconfigured(String::new()), now);
            }
            match resting.choose(&value, now, || random) {
                None => prop_assert_eq!(usable, 0),
                Some((place, key)) => {
                    prop_assert!(place < usable);
                    prop_assert_eq!(parse(&value).nth(place).map(|(key, _)| key), Some(key.expose()));
                    prop_assert!(!failing[place] || !resting.is_any_awake(&value, now));
                }
            }
        }
    }
}
