//! Many instances at once, some of which die.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use journal::testing::{Fault, World};
use journal::{Clock, GRACE};
use proptest::prelude::*;

use super::{Error, balance, consumption, intent, of, plans, reserve, standing};
use crate::credits::facts::{Fact, Reserved};
use crate::credits::state::{Bound, LAPSE, Ledger};
use crate::credits::teller;

const MONTHLY: u64 = 1000;

#[test]
fn the_last_credits_are_had_once() {
    for seed in 1..20 {
        let world = World::new(seed);
        world.set_latency(10);
        let had = Rc::new(RefCell::new(Vec::new()));
        for _ in 0..8 {
            let (journal, had) = (of(world.client()), Rc::clone(&had));
            world.spawn(async move {
                let answer = teller::reserve(&journal, &plans(), intent(100, Some(200))).await;
                had.borrow_mut().push(answer);
            });
        }
        world.run();
        let had = had.borrow();
        let held: u64 = had
            .iter()
            .flatten()
            .map(|leave| 100 + u64::from(leave.max_tokens.unwrap()))
            .sum();
        // Three whole ones, and the rest of 100, in which a prompt of 100 does not fit.
        assert_eq!(held, 900, "seed {seed}");
        let refused = had.iter().filter(|answer| answer.is_err());
        for answer in refused.clone() {
            assert_eq!(answer, &Err(Error::Spent(Bound::Credits)));
        }
        assert_eq!(refused.count(), 5);
    }
}

#[test]
fn whoever_dies_while_reserving_holds_up_nobody_for_long() {
    for step in 0..6 {
        for fault in [
            Fault::DieBefore,
            Fault::DieAfter,
            Fault::Fail,
            Fault::FailAfter,
        ] {
            let world = World::new(step + 1);
            let journal = of(world.client().with_fault(step, fault));
            let done = world.finish(async move {
                teller::reserve(&journal, &plans(), intent(500, Some(500))).await
            });
            let first = done.and_then(Result::ok);
            let before = world.now();
            let second = reserve(&world, intent(500, Some(500)));
            assert!(world.now() - before <= GRACE + 200);
            let (first, second) = (first.is_some(), second.is_ok());
            assert!(!(first && second), "step {step}, {fault:?}");
            world.pass(LAPSE);
            assert!(reserve(&world, intent(500, Some(500))).is_ok());
        }
    }
}

#[test]
fn whoever_dies_while_settling_is_charged_at_most_once() {
    for step in 0..6 {
        for fault in [
            Fault::DieBefore,
            Fault::DieAfter,
            Fault::Fail,
            Fault::FailAfter,
        ] {
            let world = World::new(step + 1);
            let leave = reserve(&world, intent(100, Some(100))).unwrap();
            let journal = of(world.client().with_fault(step, fault));
            let done = world.finish(async move {
                let used = consumption(100, 50);
                teller::settle(&journal, Some(&plans()), leave.id, used).await
            });
            let next = reserve(&world, intent(1, Some(1))).unwrap();
            super::release(&world, next.id);
            let used = balance(&world).used;
            if done == Some(Ok(())) {
                assert_eq!(used, 150, "step {step}, {fault:?}");
            }
            assert!(used == 0 || used == 150);
            // Trying again is safe.
            super::settle(&world, leave.id, consumption(100, 50));
            assert_eq!(balance(&world).used, 150, "step {step}, {fault:?}");
        }
    }
}

/// What one instance does, in order: tokens of the prompt and of the bound, what is used of the
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
    fn no_month_is_overspent(seed: u64, latency in 0u64..60, until_month in 0u64..8_000_000, instances in chats()) {
        let world = World::new(seed);
        world.set_latency(latency);
        // Near the end of a month.
        world.pass(standing(&world).resets_at - world.now() - until_month);
        // By month: what was acknowledged as settled, and what may have been.
        let sure = Rc::new(RefCell::new(std::collections::BTreeMap::<u64, u64>::new()));
        let unsure = Rc::new(Cell::new(0_u64));
        let resets_at = standing(&world).resets_at;
        for instance in instances {
            let (sure, unsure) = (Rc::clone(&sure), Rc::clone(&unsure));
            let mut client = world.client();
            world.spawn(async move {
                for chat in instance {
                    if let Some((after, fault)) = chat.fault {
                        client = client.with_fault(after, fault);
                    }
                    let journal = of(client.clone());
                    let asked = intent(chat.prompt, Some(chat.bound));
                    if let Ok(leave) = teller::reserve(&journal, &plans(), asked).await {
                        client.sleep(chat.takes).await;
                        let completion = leave.max_tokens.unwrap() * chat.used / 100;
                        let amount = u64::from(chat.prompt + completion);
                        let used = consumption(chat.prompt, completion);
                        let month = client.now() / resets_at;
                        unsure.set(unsure.get() + amount);
                        if teller::settle(&journal, Some(&plans()), leave.id, used).await.is_ok() {
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
            // Of a reply that ends with its month, either may be charged.
            prop_assert!(*spent <= MONTHLY || sure.len() > 1);
        }
        let total: u64 = sure.values().sum();
        prop_assert!(total <= MONTHLY * sure.len().max(1) as u64 + MONTHLY);
        if sure.len() == 1 && world.now() < resets_at {
            let then = balance(&world);
            prop_assert!(then.used >= total);
            prop_assert!(then.used <= total + unsure.get());
            prop_assert!(then.used <= MONTHLY);
        }
    }

    /// Facts in any order, at any times, repeated: what holds never exceeds what there is, and
    /// everything but time is the same if they are folded through snapshots.
    #[test]
    fn any_facts_make_sense(facts in prop::collection::vec(any_fact(), 0..200)) {
        let mut ledger = Ledger::default();
        let mut through = Ledger::default();
        for (number, fact) in (1..).zip(facts) {
            let reserved = match &fact {
                Fact::Reserved(asked) => Some(asked.clone()),
                _ => None,
            };
            journal::Fold::apply(&mut ledger, number, fact.clone());
            if let Some(asked) = reserved
                && let Some(held) = ledger.held(asked.id)
            {
                prop_assert!(held >= asked.least.min(asked.want));
                let then = ledger.balance(asked.monthly, asked.at);
                prop_assert!(then.reserved <= asked.monthly.unwrap_or(u64::MAX).saturating_add(then.granted));
            }
            let stored = serde_json::to_string(&through).unwrap();
            through = serde_json::from_str(&stored).unwrap();
            journal::Fold::apply(&mut through, number, fact);
            prop_assert_eq!(&ledger, &through);
        }
    }
}

fn any_fact() -> impl Strategy<Value = Fact> {
    let at = 1_800_000_000_000_u64..1_800_004_000_000;
    let id = 0u64..8;
    prop_oneof![
        (id.clone(), 0u64..2000, 0u64..1000, at.clone()).prop_map(|(id, want, least, at)| {
            let monthly = Some(MONTHLY);
            Fact::Reserved(Reserved {
                id,
                want,
                least,
                monthly,
                key: None,
                at,
            })
        }),
        (id.clone(), 0u32..1000, at.clone()).prop_map(|(id, tokens, at)| {
            Fact::Settled(crate::credits::state::used(id, tokens, at))
        }),
        (id.clone(), at.clone()).prop_map(|(id, at)| Fact::Released { id, at }),
        (id, 0u64..500, at.clone()).prop_map(|(id, amount, at)| {
            Fact::Granted {
                id,
                amount,
                reason: None,
                at,
            }
        }),
        at.prop_map(|at| Fact::PlanSet {
            plan: "pro".to_owned(),
            at
        }),
    ]
}
