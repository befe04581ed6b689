use super::*;
use crate::bindings::Temporary;
use crate::request::invalid;
use proptest::prelude::*;

fn temporary(retry_after: Option<u32>) -> Temporary {
    Temporary {
        retry_after,
        cause: String::new(),
    }
}

const BOUND: Duration = Duration::from_secs(5);

/// Where each attempt goes, by the number of the model, when all fail alike.
fn places(most: u32, fallbacks: usize, error: &Error) -> Vec<usize> {
    let mut plan = RetryPlan::new(most, fallbacks, BOUND);
    let mut places = Vec::new();
    loop {
        plan.begin_attempt();
        places.push(plan.model);
        if plan.failed(error, false, 0) == Next::GiveUp {
            return places;
        }
    }
}

#[test]
fn failed_temporarily_retries_and_leaves_an_attempt_for_each_fallback() {
    let down = Error::Overloaded(temporary(None));
    assert_eq!(places(3, 0, &down), [0, 0, 0]);
    assert_eq!(places(3, 1, &down), [0, 0, 1]);
    assert_eq!(places(3, 2, &down), [0, 1, 2]);
    assert_eq!(places(3, 5, &down), [0, 1, 2]);
    assert_eq!(places(5, 1, &down), [0, 0, 0, 0, 1]);
    assert_eq!(places(1, 2, &down), [0]);
}

#[test]
fn failed_permanently_uses_the_fallback_at_once() {
    for error in [
        Error::Timeout(String::new()),
        Error::UnknownModel,
        Error::Misconfigured(String::new()),
        Error::Protocol(String::new()),
        Error::RateLimited(temporary(Some(6))),
    ] {
        assert_eq!(places(3, 0, &error), [0], "{error:?}");
        assert_eq!(places(3, 1, &error), [0, 1], "{error:?}");
    }
}

#[test]
fn failed_by_the_request_ends_it_unless_a_fallback_rejects_it() {
    let fault = invalid("seed", "is not supported");
    assert_eq!(places(3, 2, &fault), [0]);
    let mut plan = RetryPlan::new(3, 2, BOUND);
    plan.begin_attempt();
    assert_eq!(
        plan.failed(&Error::Timeout(String::new()), false, 0),
        Next::Fallback
    );
    assert_eq!(plan.not_sent(&fault), Next::Fallback);
    assert_eq!(plan.not_sent(&fault), Next::GiveUp);
    assert_eq!(RetryPlan::new(3, 2, BOUND).not_sent(&fault), Next::GiveUp);
}

#[test]
fn failed_with_another_key_retries_at_once() {
    let mut plan = RetryPlan::new(3, 0, BOUND);
    plan.begin_attempt();
    assert_eq!(
        plan.failed(&Error::Misconfigured(String::new()), true, 9),
        Next::SameModel(Duration::ZERO)
    );
    plan.begin_attempt();
    let limited = Error::RateLimited(temporary(Some(600)));
    assert_eq!(
        plan.failed(&limited, true, 9),
        Next::SameModel(Duration::ZERO)
    );
    plan.begin_attempt();
    assert_eq!(plan.failed(&limited, true, 9), Next::GiveUp);
}

#[test]
fn pause_doubles_and_respects_retry_after() {
    let pause = |failures, wait, random| {
        let plan = RetryPlan {
            failures,
            ..RetryPlan::new(9, 0, BOUND)
        };
        plan.pause(wait, random)
    };
    assert_eq!(pause(0, None, 0), Some(Duration::from_millis(100)));
    assert_eq!(pause(1, None, 0), Some(Duration::from_millis(200)));
    assert_eq!(pause(99, None, 0), Some(Duration::from_millis(1500)));
    assert_eq!(pause(0, Some(0), 0), Some(Duration::from_millis(100)));
    assert_eq!(pause(0, Some(5), 0), Some(BOUND));
    assert_eq!(pause(0, Some(6), 0), None);
}

fn error() -> impl Strategy<Value = Error> {
    let wait = proptest::option::of(0_u32..20);
    prop_oneof![
        wait.clone()
            .prop_map(|wait| Error::RateLimited(temporary(wait))),
        wait.prop_map(|wait| Error::Overloaded(temporary(wait))),
        Just(Error::Misconfigured(String::new())),
        Just(Error::Timeout(String::new())),
        Just(Error::Unreachable(String::new())),
        Just(Error::Protocol(String::new())),
        Just(Error::ContextTooLong),
        Just(Error::NotConfigured(String::new())),
    ]
}

proptest! {
    #[test]
    fn failed_in_any_way_terminates_and_never_returns_to_an_earlier_model(
        most in 1_u32..10,
        fallbacks in 0_usize..6,
        steps in proptest::collection::vec((error(), any::<bool>(), any::<bool>(), any::<u64>()), 40),
    ) {
        let mut plan = RetryPlan::new(most, fallbacks, BOUND);
        let (mut requests, mut model, mut ended) = (0, 0, false);
        for (error, has_other_key, is_attempt, random) in steps {
            let next = if is_attempt {
                plan.begin_attempt();
                requests += 1;
                plan.failed(&error, has_other_key, random)
            } else {
                plan.not_sent(&error)
            };
            prop_assert!(requests <= most);
            match next {
                Next::SameModel(pause) => {
                    prop_assert!(is_attempt);
                    prop_assert!(pause <= BOUND + SPREAD);
                    prop_assert_eq!(plan.model, model);
                }
                Next::Fallback => {
                    model += 1;
                    prop_assert_eq!(plan.model, model);
                    prop_assert!(model <= fallbacks);
                }
                Next::GiveUp => {
                    ended = true;
                    break;
                }
            }
        }
        prop_assert!(ended);
    }

    /// A failure that the request did not cause does not end the routing while a fallback is untried and
    /// an attempt is left.
    #[test]
    fn failed_in_any_way_skips_no_fallback(
        most in 1_u32..10,
        fallbacks in 0_usize..6,
        errors in proptest::collection::vec(error(), 40),
    ) {
        let mut plan = RetryPlan::new(most, fallbacks, BOUND);
        let mut requests = std::collections::BTreeSet::new();
        for error in errors.iter().filter(|error| **error != Error::ContextTooLong) {
            plan.begin_attempt();
            requests.insert(plan.model);
            if plan.failed(error, false, 0) == Next::GiveUp {
                break;
            }
        }
        prop_assert_eq!(requests.len(), (fallbacks + 1).min(most as usize));
    }
}
