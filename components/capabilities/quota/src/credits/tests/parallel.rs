//! Many instances at the same time, some of which die.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use journal::testing::{Fault, World};
use journal::{Clock, GRACE};
use proptest::prelude::*;

use super::{Error, balance, credits, of, plans, request, reserve, usage};
use crate::credits::entries::{Entry, Reserved};
use crate::credits::state::{RESERVATION_EXPIRY, State};
use crate::exports::credits::LimitKind;

const MONTHLY: u64 = 1000;

#[test]
fn reserve_by_eight_instances_grants_the_last_credits_once() {
    for seed in 1..20 {
        let world = World::new(seed);
        world.set_latency(10);
        let had = Rc::new(RefCell::new(Vec::new()));
        for _ in 0..8 {
            let (ledger, had) = (of(world.client()), Rc::clone(&had));
            world.spawn(async move {
                let outcome = ledger.reserve(&plans(), request(100, Some(200))).await;
                had.borrow_mut().push(outcome);
            });
        }
        world.run();
        let had = had.borrow();
        let held: u64 = had
            .iter()
            .flatten()
            .map(|reservation| 100 + u64::from(reservation.max_tokens.unwrap()))
            .sum();
        // Three whole ones, and the rest of 100, in which a prompt of 100 does not fit.
        assert_eq!(held, 900, "seed {seed}");
        let refused = had.iter().filter(|outcome| outcome.is_err());
        for outcome in refused.clone() {
            assert_eq!(outcome, &Err(Error::LimitReached(LimitKind::Credits)));
        }
        assert_eq!(refused.count(), 5);
    }
}

#[test]
fn reserve_after_a_writer_died_is_delayed_by_the_grace_period_only() {
    for step in 0..6 {
        for fault in [
            Fault::DieBefore,
            Fault::DieAfter,
            Fault::Fail,
            Fault::FailAfter,
        ] {
            let world = World::new(step + 1);
            let ledger = of(world.client().with_fault(step, fault));
            let done = world
                .finish(async move { ledger.reserve(&plans(), request(500, Some(500))).await });
            let first = done.and_then(Result::ok);
            let before = world.now();
            let second = reserve(&world, request(500, Some(500)));
            assert!(world.now() - before <= GRACE + 200);
            let (first, second) = (first.is_some(), second.is_ok());
            assert!(!(first && second), "step {step}, {fault:?}");
            world.pass(RESERVATION_EXPIRY);
            assert!(reserve(&world, request(500, Some(500))).is_ok());
        }
    }
}

#[test]
fn settle_by_a_writer_that_dies_is_charged_at_most_once() {
    for step in 0..6 {
        for fault in [
            Fault::DieBefore,
            Fault::DieAfter,
            Fault::Fail,
            Fault::FailAfter,
        ] {
            let world = World::new(step + 1);
            let reservation = reserve(&world, request(100, Some(100))).unwrap();
            let ledger = of(world.client().with_fault(step, fault));
            let id = reservation.id.clone();
            let done = world.finish(async move {
                let used = usage(100, 50);
                ledger.settle(Some(&plans()), id.as_deref(), used).await
            });
            let next = reserve(&world, request(1, Some(1))).unwrap();
            super::release(&world, next.id.as_deref());
            let used = credits(&world).used;
            if done == Some(Ok(())) {
                assert_eq!(used, 150, "step {step}, {fault:?}");
            }
            assert!(used == 0 || used == 150);
            // Trying again is safe.
            super::settle(&world, reservation.id.as_deref(), usage(100, 50));
            assert_eq!(credits(&world).used, 150, "step {step}, {fault:?}");
        }
    }
}

/// The operations of one instance, in order: tokens of the prompt and of the bound, the used part of the
/// bound, and how long it takes and then waits.
#[derive(Debug, Clone)]
struct Chat {
    prompt: u32,
    bound: u32,
    used: u32,
    takes: u64,
    waits: u64,
    fault: Option<(u64, Fault)>,
}

fn chats() -> impl Strategy<Value = Vec<Vec<Chat>>> {
    let fault = prop_oneof![
        8 => Just(None),
        1 => (0u64..9, prop_oneof![
            Just(Fault::DieBefore),
            Just(Fault::DieAfter),
            Just(Fault::Fail),
            Just(Fault::FailAfter),
            (1u64..20_000).prop_map(Fault::Stall),
        ]).prop_map(Some),
    ];
    let chat = (
        0u32..300,
        1u32..600,
        0u32..=100,
        0u64..30_000,
        0u64..400_000,
        fault,
    );
    let chat = chat.prop_map(|(prompt, bound, percent, takes, waits, fault)| Chat {
        prompt,
        bound,
        used: percent,
        takes,
        waits,
        fault,
    });
    prop::collection::vec(prop::collection::vec(chat, 1..6), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// However many instances reserve and settle, and whichever of them die, no month is overspent,
    /// and all that was acknowledged is charged.
    #[test]
    fn reserve_by_instances_with_faults_never_overspends_a_month(seed: u64, latency in 0u64..60, until_month in 0u64..8_000_000, instances in chats()) {
        let world = World::new(seed);
        world.set_latency(latency);
        // Near the end of a month.
        world.pass(balance(&world).resets_at - world.now() - until_month);
        // By month: what was acknowledged as settled, and what may have been.
        let sure = Rc::new(RefCell::new(std::collections::BTreeMap::<u64, u64>::new()));
        let unsure = Rc::new(Cell::new(0_u64));
        let resets_at = balance(&world).resets_at;
        for instance in instances {
            let (sure, unsure) = (Rc::clone(&sure), Rc::clone(&unsure));
            let mut client = world.client();
            world.spawn(async move {
                for chat in instance {
                    if let Some((after, fault)) = chat.fault {
                        client = client.with_fault(after, fault);
                    }
                    let ledger = of(client.clone());
                    let request = request(chat.prompt, Some(chat.bound));
                    if let Ok(reservation) = ledger.reserve(&plans(), request).await {
                        client.sleep(chat.takes).await;
                        let completion = reservation.max_tokens.unwrap() * chat.used / 100;
                        let amount = u64::from(chat.prompt + completion);
                        let used = usage(chat.prompt, completion);
                        let month = client.now() / resets_at;
                        unsure.set(unsure.get() + amount);
                        if ledger.settle(Some(&plans()), reservation.id.as_deref(), used).await.is_ok() {
                            unsure.set(unsure.get() - amount);
                            *sure.borrow_mut().entry(month).or_default() += amount;
                        }
                    }
                    client.sleep(chat.waits).await;
                }
            });
        }
        world.run();
        let sure = sure.borrow();
        for spent in sure.values() {
            // A reply that ends with its month may be charged to either month.
            prop_assert!(*spent <= MONTHLY || sure.len() > 1);
        }
        let total: u64 = sure.values().sum();
        prop_assert!(total <= MONTHLY * sure.len().max(1) as u64 + MONTHLY);
        if sure.len() == 1 && world.now() < resets_at {
            let then = credits(&world);
            prop_assert!(then.used >= total);
            prop_assert!(then.used <= total + unsure.get());
            prop_assert!(then.used <= MONTHLY);
        }
    }

    /// Facts in any order, at any times, repeated: what holds never exceeds what there is, and
    /// everything but time is the same if they are folded through snapshots.
    #[test]
    fn state_of_any_entries_is_consistent(entries in prop::collection::vec(any_entry(), 0..200)) {
        let mut ledger = State::default();
        let mut through = State::default();
        for (number, entry) in (1..).zip(entries) {
            let reserved = match &entry {
                Entry::Reserved(request) => Some(request.clone()),
                _ => None,
            };
            journal::Fold::apply(&mut ledger, number, entry.clone());
            if let Some(request) = reserved
                && let Some(held) = ledger.held(request.id)
            {
                prop_assert!(held >= request.minimum.min(request.wanted));
                let then = ledger.credits(request.monthly, request.at);
                prop_assert!(then.reserved <= request.monthly.unwrap_or(u64::MAX).saturating_add(then.granted));
            }
            let stored = serde_json::to_string(&through).unwrap();
            through = serde_json::from_str(&stored).unwrap();
            journal::Fold::apply(&mut through, number, entry);
            prop_assert_eq!(&ledger, &through);
        }
    }
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let at = 1_800_000_000_000_u64..1_800_004_000_000;
    let id = 0u64..8;
    prop_oneof![
        (id.clone(), 0u64..2000, 0u64..1000, at.clone()).prop_map(|(id, wanted, minimum, at)| {
            let monthly = Some(MONTHLY);
            Entry::Reserved(Reserved {
                id,
                wanted,
                minimum,
                monthly,
                key: None,
                at,
            })
        }),
        (id.clone(), 0u32..1000, at.clone()).prop_map(|(id, tokens, at)| {
            Entry::Settled(crate::credits::state::settled(id, tokens, at))
        }),
        (id.clone(), at.clone()).prop_map(|(id, at)| Entry::Released { id, at }),
        (id, 0u64..500, at.clone()).prop_map(|(id, amount, at)| {
            Entry::Granted {
                id,
                amount,
                reason: None,
                at,
            }
        }),
        at.prop_map(|at| Entry::PlanSet {
            plan: "pro".to_owned(),
            at
        }),
    ]
}
