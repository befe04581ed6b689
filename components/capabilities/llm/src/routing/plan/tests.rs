use super::*;
use crate::request::invalid;
use proptest::prelude::*;

const BOUND: Duration = Duration::from_secs(5);

/// Where each attempt goes, by the number of the model, when all fail alike.
fn places(most: u32, stand_ins: usize, error: &Error) -> Vec<usize> {
    let mut plan = Plan::new(most, stand_ins, BOUND);
    let mut places = Vec::new();
    loop {
        plan.ask();
        places.push(plan.model);
        if plan.failed(error, false, 0) == Next::Never {
            return places;
        }
    }
}

#[test]
fn a_moment_is_waited_for_and_each_stand_in_has_its_turn() {
    let down = Error::Overloaded(None);
    assert_eq!(places(3, 0, &down), [0, 0, 0]);
    assert_eq!(places(3, 1, &down), [0, 0, 1]);
    assert_eq!(places(3, 2, &down), [0, 1, 2]);
    assert_eq!(places(3, 5, &down), [0, 1, 2]);
    assert_eq!(places(5, 1, &down), [0, 0, 0, 0, 1]);
    assert_eq!(places(1, 2, &down), [0]);
}

#[test]
fn what_waiting_does_not_help_goes_elsewhere_at_once() {
    for error in [
        Error::Timeout,
        Error::UnknownModel,
        Error::Unauthorized,
        Error::Protocol(String::new()),
        Error::RateLimited(Some(6)),
    ] {
        assert_eq!(places(3, 0, &error), [0], "{error:?}");
        assert_eq!(places(3, 1, &error), [0, 1], "{error:?}");
    }
}

#[test]
fn the_requests_own_fault_ends_it_but_not_a_stand_ins_refusal() {
    let fault = invalid("seed", "is not supported");
    assert_eq!(places(3, 2, &fault), [0]);
    let mut plan = Plan::new(3, 2, BOUND);
    plan.ask();
    assert_eq!(plan.failed(&Error::Timeout, false, 0), Next::Elsewhere);
    assert_eq!(plan.refused(&fault), Next::Elsewhere);
    assert_eq!(plan.refused(&fault), Next::Never);
    assert_eq!(Plan::new(3, 2, BOUND).refused(&fault), Next::Never);
}

#[test]
fn another_key_is_tried_at_once() {
    let mut plan = Plan::new(3, 0, BOUND);
    plan.ask();
    assert_eq!(
        plan.failed(&Error::Unauthorized, true, 9),
        Next::Here(Duration::ZERO)
    );
    plan.ask();
    let limited = Error::RateLimited(Some(600));
    assert_eq!(plan.failed(&limited, true, 9), Next::Here(Duration::ZERO));
    plan.ask();
    assert_eq!(plan.failed(&limited, true, 9), Next::Never);
}

#[test]
fn pauses_double_and_retry_after_is_honoured() {
    let pause = |failures, wait, chance| {
        let plan = Plan {
            failures,
            ..Plan::new(9, 0, BOUND)
        };
        plan.pause(wait, chance)
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
        wait.clone().prop_map(Error::RateLimited),
        wait.prop_map(Error::Overloaded),
        Just(Error::Unauthorized),
        Just(Error::Timeout),
        Just(Error::Unreachable(String::new())),
        Just(Error::Protocol(String::new())),
        Just(Error::ContextTooLong),
        Just(Error::NotConfigured),
    ]
}

proptest! {
    #[test]
    fn every_plan_ends_and_goes_only_forward(
        most in 1_u32..10,
        stand_ins in 0_usize..6,
        steps in proptest::collection::vec((error(), any::<bool>(), any::<bool>(), any::<u64>()), 40),
    ) {
        let mut plan = Plan::new(most, stand_ins, BOUND);
        let (mut asked, mut model, mut ended) = (0, 0, false);
        for (error, has_other_key, is_asked, chance) in steps {
            let next = if is_asked {
                plan.ask();
                asked += 1;
                plan.failed(&error, has_other_key, chance)
            } else {
                plan.refused(&error)
            };
            prop_assert!(asked <= most);
            match next {
                Next::Here(pause) => {
                    prop_assert!(is_asked);
                    prop_assert!(pause <= BOUND + SPREAD);
                    prop_assert_eq!(plan.model, model);
                }
                Next::Elsewhere => {
                    model += 1;
                    prop_assert_eq!(plan.model, model);
                    prop_assert!(model <= stand_ins);
                }
                Next::Never => {
                    ended = true;
                    break;
                }
            }
        }
        prop_assert!(ended);
    }

    /// Of failures that are not the request's, none ends it while a stand-in has not been asked and
    /// an attempt is left.
    #[test]
    fn no_stand_in_is_passed_over(
        most in 1_u32..10,
        stand_ins in 0_usize..6,
        errors in proptest::collection::vec(error(), 40),
    ) {
        let mut plan = Plan::new(most, stand_ins, BOUND);
        let mut asked = std::collections::BTreeSet::new();
        for error in errors.iter().filter(|error| **error != Error::ContextTooLong) {
            plan.ask();
            asked.insert(plan.model);
            if plan.failed(error, false, 0) == Next::Never {
                break;
            }
        }
        prop_assert_eq!(asked.len(), (stand_ins + 1).min(most as usize));
    }
}
