//! Several keys of one provider: `key*3,key2` gives the first three times as many requests as the
//! second. A key that is refused or has been used too much rests for a while; if all do, the one
//! that has rested longest is used all the same, since an answer is worth a try.

use crate::bindings::Error;
use crate::secret::Secret;
use std::time::{Duration, Instant};

/// More than anybody has.
const MOST_KEYS: usize = 100;
const MOST_WEIGHT: u32 = 1_000;

/// How long a key rests that the provider refused.
const AFTER_REFUSAL: Duration = Duration::from_secs(60);

/// How long it rests when it was used too much and the provider did not say how long.
const AFTER_LIMIT: Duration = Duration::from_secs(10);

/// And if it did, at most.
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

/// The keys of a provider that rest, by their place in the list, and until when.
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
        chance: impl FnOnce() -> u64,
    ) -> Option<(usize, Secret)> {
        let mut keys = parse(value).enumerate();
        let (first, second) = (keys.next()?, keys.next());
        let (place, (key, _)) = match second {
            None => first,
            Some(_) => self.choose_of_many(value, now, chance)?,
        };
        Some((place, Secret::new(key)?))
    }

    fn choose_of_many<'a>(
        &self,
        value: &'a str,
        now: Instant,
        chance: impl FnOnce() -> u64,
    ) -> Option<(usize, (&'a str, u32))> {
        let awake = || {
            parse(value)
                .enumerate()
                .filter(|(place, _)| !self.rests(*place, now))
        };
        let weights: u64 = awake().map(|(_, (_, weight))| u64::from(weight)).sum();
        let Some(mut at) = chance().checked_rem(weights) else {
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

    /// Whether some key does not rest.
    pub(crate) fn is_any_awake(&self, value: &str, now: Instant) -> bool {
        parse(value)
            .enumerate()
            .any(|(place, _)| !self.rests(place, now))
    }

    /// Lets a key rest, if the failure is one of the key's.
    pub(crate) fn failed(&mut self, key: usize, error: &Error, now: Instant) {
        let rest = match error {
            Error::Unauthorized => AFTER_REFUSAL,
            Error::RateLimited(None) => AFTER_LIMIT,
            Error::RateLimited(Some(seconds)) => {
                Duration::from_secs(u64::from(*seconds)).min(LONGEST_REST)
            }
            _ => return,
        };
        self.succeeded(key);
        self.0
            .extend(now.checked_add(rest).map(|until| (key, until)));
    }

    /// A key that works rests no more.
    pub(crate) fn succeeded(&mut self, key: usize) {
        self.0.retain(|(resting, _)| *resting != key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(value: &str) -> Vec<(&str, u32)> {
        parse(value).collect()
    }

    fn chosen(resting: &Resting, value: &str, now: Instant, chance: u64) -> Option<String> {
        let (_, key) = resting.choose(value, now, || chance)?;
        Some(key.expose().to_owned())
    }

    #[test]
    fn a_list_may_have_weights() {
        assert_eq!(keys("sk-a"), [("sk-a", 1)]);
        assert_eq!(
            keys(" a * 3 , b,, c*0, d*x"),
            [("a", 3), ("b", 1), ("d*x", 1)]
        );
        assert_eq!(keys("a*99999"), [("a", 1_000)]);
        assert!(!are_in(" , ") && !are_in("a*0") && !are_in("*3"));
    }

    #[test]
    fn weights_are_shares() {
        let (resting, now) = (Resting::new(), Instant::now());
        let all: Vec<_> = (0..4)
            .filter_map(|chance| chosen(&resting, "a*3,b", now, chance))
            .collect();
        assert_eq!(all, ["a", "a", "a", "b"]);
    }

    #[test]
    fn one_key_needs_no_chance_and_never_rests() {
        let (mut resting, now) = (Resting::new(), Instant::now());
        resting.failed(0, &Error::Unauthorized, now);
        let key = resting.choose("only", now, || panic!("not needed"));
        assert_eq!(key.map(|(place, _)| place), Some(0));
        assert!(!resting.is_any_awake("only", now));
    }

    #[test]
    fn a_refused_key_rests_and_wakes() {
        let (mut resting, now) = (Resting::new(), Instant::now());
        resting.failed(0, &Error::RateLimited(Some(7)), now);
        resting.failed(1, &Error::Overloaded(None), now);
        assert_eq!(chosen(&resting, "a*9,b", now, 0).as_deref(), Some("b"));
        resting.failed(1, &Error::Unauthorized, now);
        // All rest: the one that wakes first.
        assert_eq!(chosen(&resting, "a,b", now, 1).as_deref(), Some("a"));
        let later = now + Duration::from_secs(8);
        assert_eq!(chosen(&resting, "a,b", later, 1).as_deref(), Some("a"));
        resting.succeeded(1);
        assert_eq!(chosen(&resting, "a,b", later, 1).as_deref(), Some("b"));
    }

    proptest! {
        #[test]
        fn some_key_is_always_chosen_and_a_resting_one_only_in_need(
            weights in proptest::collection::vec(0_u32..5, 1..6),
            failing in proptest::collection::vec(any::<bool>(), 6),
            chance in any::<u64>(),
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
                resting.failed(place, &Error::Unauthorized, now);
            }
            match resting.choose(&value, now, || chance) {
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
