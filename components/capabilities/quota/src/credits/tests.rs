//! The ledger against a simulated store.

mod bounds;
mod parallel;

use std::future::Future;

use journal::Journal;
use journal::testing::{Client, Fault, World};

use super::facts::KeyBudget;
use super::state::{Balance, Bound, LAPSE};
use super::teller::{self, Consumption, Error, Intent, Reservation, Standing};
use crate::plans::Plans;

const USER: &str = "guest_1";

fn plans() -> Plans {
    Plans::parse(
        r#"{"free": {"monthlyCredits": 1000}, "pro": {"monthlyCredits": 5000}, "business": {}}"#,
    )
    .unwrap()
}

fn of(client: Client) -> Journal<Client> {
    teller::journal_of(client, USER).unwrap()
}

/// Runs one task with a journal of its own, along with all others.
fn run<T: 'static, F: Future<Output = T> + 'static>(
    world: &World,
    task: impl FnOnce(Journal<Client>) -> F,
) -> T {
    world.finish(task(of(world.client()))).unwrap()
}

fn intent(prompt: u32, max_tokens: Option<u32>) -> Intent {
    Intent {
        key: None,
        prompt,
        max_tokens,
    }
}

fn with_key(intent: Intent, requests: Option<u64>, tokens: Option<u64>) -> Intent {
    let id = "key".to_owned();
    Intent {
        key: Some(KeyBudget {
            id,
            requests,
            tokens,
        }),
        ..intent
    }
}

fn consumption(prompt: u32, completion: u32) -> Consumption {
    Consumption {
        model: "gpt-4o".to_owned(),
        prompt,
        completion,
        cached: 0,
        estimated: false,
        cost: None,
        key: None,
        aside: false,
    }
}

fn reserve(world: &World, intent: Intent) -> Result<Reservation, Error> {
    run(world, |journal| async move {
        teller::reserve(&journal, &plans(), intent).await
    })
}

fn settle(world: &World, id: Option<u64>, used: Consumption) {
    run(world, |journal| async move {
        teller::settle(&journal, Some(&plans()), id, used)
            .await
            .unwrap();
    });
}

fn release(world: &World, id: Option<u64>) {
    run(world, |journal| async move {
        teller::release(&journal, id.unwrap()).await.unwrap();
    });
}

fn standing(world: &World) -> Standing {
    let now = world.now();
    run(world, |journal| async move {
        teller::standing(&teller::read(&journal).await.unwrap(), &plans(), now)
    })
}

fn balance(world: &World) -> Balance {
    standing(world).balance
}

fn grant(world: &World, id: &'static str, amount: u64) {
    run(world, |journal| async move {
        teller::grant(&journal, &plans(), id, amount, Some("gift".to_owned()))
            .await
            .unwrap();
    });
}

fn set_plan(world: &World, plan: &'static str) -> Result<Standing, Error> {
    run(world, |journal| async move {
        teller::set_plan(&journal, &plans(), plan.to_owned()).await
    })
}

#[test]
fn what_is_held_is_what_is_wanted_or_what_is_left() {
    let world = World::new(1);
    let first = reserve(&world, intent(100, Some(300))).unwrap();
    assert_eq!(first.max_tokens, Some(300));
    // 600 are left: the usual reply does not fit.
    let second = reserve(&world, intent(100, None)).unwrap();
    assert_eq!(second.max_tokens, Some(500));
    assert_eq!(balance(&world).left, Some(0));
    assert_eq!(balance(&world).reserved, 1000);
    world.take_counts();
    let refused = reserve(&world, intent(0, Some(1)));
    assert_eq!(refused, Err(Error::Spent(Bound::Credits)));
    assert_eq!(world.take_counts().1, 0);

    settle(&world, first.id, consumption(90, 60));
    release(&world, second.id);
    let then = balance(&world);
    assert_eq!((then.used, then.left, then.reserved), (150, Some(850), 0));
    // The prompt and one token more must fit.
    assert!(reserve(&world, intent(850, None)).is_err());
    let last = reserve(&world, intent(849, None)).unwrap();
    assert_eq!(last.max_tokens, Some(1));
}

#[test]
fn without_a_limit_nothing_is_written_nor_bounded() {
    let free = Plans::parse("").unwrap();
    assert_eq!(
        intent(5, Some(7)).without_limit(&free),
        Some(Reservation {
            id: None,
            max_tokens: Some(7)
        })
    );
    assert_eq!(intent(5, None).without_limit(&plans()), None);
    let budget = with_key(intent(5, None), Some(1), None);
    assert_eq!(budget.without_limit(&free), None);
    let no_budget = with_key(intent(5, None), None, None);
    assert!(no_budget.without_limit(&free).is_some());

    let world = World::new(1);
    set_plan(&world, "business").unwrap();
    world.take_counts();
    let unlimited = reserve(&world, with_key(intent(5_000, None), None, None)).unwrap();
    assert_eq!((unlimited.id, unlimited.max_tokens), (None, None));
    assert_eq!(world.take_counts().1, 0);
}

#[test]
fn reserving_and_settling_are_two_writes_each() {
    let world = World::new(1);
    set_plan(&world, "pro").unwrap();
    for _ in 0..5 {
        world.take_counts();
        let reservation = reserve(&world, intent(1, Some(1))).unwrap();
        assert_eq!(world.take_counts().1, 2);
        settle(&world, reservation.id, consumption(1, 1));
        assert_eq!(world.take_counts().1, 2);
    }
}

#[test]
fn a_prompt_may_be_longer_than_we_thought() {
    let world = World::new(1);
    let reservation = reserve(&world, intent(100, Some(900))).unwrap();
    settle(&world, reservation.id, consumption(300, 900));
    let then = balance(&world);
    assert_eq!((then.used, then.left), (1200, Some(0)));
    grant(&world, "a", 50);
    assert_eq!(balance(&world).left, Some(50));
}

#[test]
fn granted_credits_come_after_the_months_and_stay() {
    let world = World::new(1);
    grant(&world, "a", 500);
    grant(&world, "a", 500);
    assert_eq!(balance(&world).left, Some(1500));
    let reservation = reserve(&world, intent(200, Some(1000))).unwrap();
    assert_eq!(reservation.max_tokens, Some(1000));
    settle(&world, reservation.id, consumption(200, 1000));
    let then = balance(&world);
    assert_eq!((then.used, then.left, then.granted), (1200, Some(300), 300));
    world.pass(standing(&world).resets_at - world.now());
    let then = balance(&world);
    assert_eq!((then.used, then.left, then.granted), (0, Some(1300), 300));
    // What granted credits paid for does not count against a larger plan.
    let reservation = reserve(&world, intent(100, Some(1000))).unwrap();
    settle(&world, reservation.id, consumption(100, 1000));
    assert_eq!(balance(&world).granted, 200);
    assert_eq!(set_plan(&world, "pro").unwrap().balance.left, Some(4200));
}

#[test]
fn months_begin_anew_in_utc() {
    let world = World::new(1);
    let resets_at = standing(&world).resets_at;
    // 2027-02-01T00:00:00Z
    assert_eq!(resets_at, 1_801_440_000_000);
    world.pass(resets_at - world.now() - 1);
    let late = reserve(&world, intent(500, Some(500))).unwrap();
    assert_eq!(balance(&world).left, Some(0));
    world.pass(1);
    // What is under way counts in the month in which it is settled.
    assert_eq!(balance(&world).left, Some(0));
    assert_eq!(balance(&world).used, 0);
    settle(&world, late.id, consumption(100, 100));
    let then = balance(&world);
    assert_eq!((then.used, then.left), (200, Some(800)));
    // 2027-03-01T00:00:00Z
    assert_eq!(standing(&world).resets_at, 1_803_859_200_000);
}

#[test]
fn a_reservation_lapses_and_is_charged_all_the_same() {
    let world = World::new(1);
    let reservation = reserve(&world, intent(500, Some(500))).unwrap();
    world.pass(LAPSE - 1);
    assert!(reserve(&world, intent(1, None)).is_err());
    world.pass(1);
    let other = reserve(&world, intent(500, Some(500))).unwrap();
    for _ in 0..2 {
        settle(&world, reservation.id, consumption(500, 300));
    }
    settle(&world, other.id, consumption(500, 300));
    assert_eq!(balance(&world).used, 1600);
    assert!(reserve(&world, intent(0, None)).is_err());
}

#[test]
fn settling_twice_counts_once_however_it_is_done() {
    let world = World::new(1);
    let reservation = reserve(&world, intent(10, Some(10))).unwrap();
    world.set_latency(20);
    for _ in 0..4 {
        let journal = of(world.client());
        let used = consumption(10, 5);
        world.spawn(async move {
            teller::settle(&journal, Some(&plans()), reservation.id, used)
                .await
                .unwrap();
        });
    }
    world.run();
    release(&world, reservation.id);
    assert_eq!(balance(&world).used, 15);
    let rows = run(&world, |journal| async move {
        let history = teller::read(&journal).await.unwrap().history;
        history.transactions(None).count()
    });
    assert_eq!(rows, 1);
}

#[test]
fn a_key_has_bounds_of_its_own() {
    let world = World::new(1);
    let reserve_with = |requests, tokens| {
        let asked = with_key(intent(10, Some(90)), requests, tokens);
        reserve(&world, asked)
    };
    let first = reserve_with(Some(2), Some(250)).unwrap();
    assert_eq!(first.max_tokens, Some(90));
    let second = reserve_with(Some(2), Some(150)).unwrap();
    assert_eq!(second.max_tokens, Some(40));
    let refused = Err(Error::Spent(Bound::KeyRequests));
    assert_eq!(reserve_with(Some(2), None), refused);
    let refused = Err(Error::Spent(Bound::KeyTokens));
    assert_eq!(reserve_with(None, Some(160)), refused);

    let key = Some("key".to_owned());
    let used = Consumption {
        key,
        ..consumption(10, 20)
    };
    settle(&world, first.id, used);
    release(&world, second.id);
    let then = reserve_with(Some(2), Some(41)).unwrap();
    assert_eq!(then.max_tokens, Some(1));
    release(&world, then.id);
    assert!(reserve_with(Some(1), None).is_err());
    assert!(reserve_with(None, Some(40)).is_err());
    // Only the requests are bounded, and no plan's credits: the reply is not.
    set_plan(&world, "business").unwrap();
    let asked = with_key(intent(10, None), Some(2), None);
    assert_eq!(reserve(&world, asked).unwrap().max_tokens, None);
}

#[test]
fn plans_are_set_by_name() {
    let world = World::new(1);
    assert_eq!(standing(&world).plan, "free");
    assert_eq!(set_plan(&world, "pro").unwrap().monthly, Some(5000));
    assert_eq!(
        set_plan(&world, "gold"),
        Err(Error::UnknownPlan("free, pro, business".to_owned()))
    );
    let unlimited = set_plan(&world, "business").unwrap();
    assert_eq!((unlimited.monthly, unlimited.balance.left), (None, None));
    world.take_counts();
    set_plan(&world, "business").unwrap();
    assert_eq!(world.take_counts().1, 0);
}

#[test]
fn forgetting_leaves_nothing_to_read() {
    let world = World::new(1);
    grant(&world, "a", 77_777);
    set_plan(&world, "pro").unwrap();
    for _ in 0..40 {
        let asked = with_key(intent(1, None), None, Some(1_000_000));
        let reservation = reserve(&world, asked).unwrap();
        let key = Some("key".to_owned());
        let used = Consumption {
            key,
            ..consumption(1, 1)
        };
        settle(&world, reservation.id, used);
    }
    let keys = run(&world, |journal| async move {
        teller::forget(&journal).await.unwrap()
    });
    assert_eq!(keys, ["key"]);
    for text in ["gpt-4o", "gift", "77777", "pro", "key\""] {
        assert!(world.keys_containing(text).is_empty(), "{text}");
    }
    assert_eq!(standing(&world).plan, "free");
    assert_eq!(balance(&world).left, Some(1000));
    let keys = world.keys();
    for _ in 0..2 {
        run(&world, |journal| async move {
            teller::forget(&journal).await.unwrap()
        });
    }
    assert_eq!(world.keys(), keys);
    // And it can be lived on with.
    let reservation = reserve(&world, intent(1, Some(1))).unwrap();
    settle(&world, reservation.id, consumption(1, 1));
    assert_eq!(balance(&world).used, 2);
}

#[test]
fn forgetting_can_be_interrupted_and_repeated() {
    for step in 0..8 {
        for fault in [Fault::DieBefore, Fault::DieAfter, Fault::Fail] {
            let world = World::new(step + 1);
            grant(&world, "a", 77_777);
            settle(&world, None, consumption(1, 1));
            let journal = of(world.client().with_fault(step, fault));
            let _ = world.finish(async move { teller::forget(&journal).await });
            run(&world, |journal| async move {
                teller::forget(&journal).await.unwrap()
            });
            for text in ["gpt-4o", "gift", "77777"] {
                assert!(
                    world.keys_containing(text).is_empty(),
                    "step {step}: {text}"
                );
            }
            assert_eq!(balance(&world).left, Some(1000));
        }
    }
}

#[test]
fn strange_users_and_keys_are_refused() {
    let world = World::new(1);
    for user in ["", "a/b", "ü", &"u".repeat(129)] {
        assert!(teller::journal_of(world.client(), user).is_err());
    }
    let mut asked = with_key(intent(1, None), Some(1), None);
    if let Some(key) = &mut asked.key {
        key.id = "k".repeat(65);
    }
    assert!(matches!(reserve(&world, asked), Err(Error::Unavailable(_))));
}
