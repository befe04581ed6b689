//! The ledger against a simulated store.

mod bounds;
mod parallel;

use std::future::Future;

use journal::testing::{Client, Fault, World};

use super::ledger::{self, Ledger};
use super::state::{Credits, RESERVATION_EXPIRY};
use crate::exports::credits::{
    ApiKeyBudget, Balance, Error, LimitKind, Reservation, ReservationRequest, Usage,
};
use crate::plans::Plans;

const USER: &str = "guest_1";

fn plans() -> Plans {
    Plans::parse(
        r#"{"free": {"monthlyCredits": 1000}, "pro": {"monthlyCredits": 5000}, "business": {}}"#,
    )
    .unwrap()
}

fn of(client: Client) -> Ledger<Client> {
    Ledger::new(client, USER).unwrap()
}

/// Runs one task with its own ledger, concurrently with all others.
fn run<T: 'static, F: Future<Output = T> + 'static>(
    world: &World,
    task: impl FnOnce(Ledger<Client>) -> F,
) -> T {
    world.finish(task(of(world.client()))).unwrap()
}

fn request(prompt_tokens: u32, max_tokens: Option<u32>) -> ReservationRequest {
    ReservationRequest {
        user: USER.to_owned(),
        api_key: None,
        prompt_tokens,
        max_tokens,
    }
}

fn with_key(
    request: ReservationRequest,
    requests: Option<u64>,
    tokens: Option<u64>,
) -> ReservationRequest {
    let id = "key".to_owned();
    ReservationRequest {
        api_key: Some(ApiKeyBudget {
            id,
            requests,
            tokens,
        }),
        ..request
    }
}

fn usage(prompt_tokens: u32, completion_tokens: u32) -> Usage {
    Usage {
        model: "gpt-4o".to_owned(),
        prompt_tokens,
        completion_tokens,
        cached_tokens: 0,
        estimated: false,
        cost: None,
        api_key: None,
        background: false,
    }
}

fn reserve(world: &World, request: ReservationRequest) -> Result<Reservation, Error> {
    run(world, |ledger| async move {
        ledger.reserve(&plans(), request).await
    })
}

fn settle(world: &World, id: Option<&str>, usage: Usage) {
    let id = id.map(str::to_owned);
    run(world, |ledger| async move {
        ledger
            .settle(Some(&plans()), id.as_deref(), usage)
            .await
            .unwrap();
    });
}

fn release(world: &World, id: Option<&str>) {
    let id = id.unwrap().to_owned();
    run(
        world,
        |ledger| async move { ledger.release(&id).await.unwrap() },
    );
}

fn balance(world: &World) -> Balance {
    let now = world.now();
    run(world, |ledger| async move {
        ledger::balance(&ledger.read().await.unwrap(), &plans(), now)
    })
}

fn credits(world: &World) -> Credits {
    let now = world.now();
    run(world, |ledger| async move {
        let state = ledger.read().await.unwrap();
        let monthly = plans().of(state.plan()).1.monthly_credits;
        state.credits(monthly, now)
    })
}

fn grant(world: &World, id: &'static str, amount: u64) {
    run(world, |ledger| async move {
        ledger
            .grant(&plans(), id, amount, Some("gift".to_owned()))
            .await
            .unwrap();
    });
}

fn set_plan(world: &World, plan: &'static str) -> Result<Balance, Error> {
    run(world, |ledger| async move {
        ledger.set_plan(&plans(), plan.to_owned()).await
    })
}

#[test]
fn reserve_holds_what_is_wanted_or_what_is_left() {
    let world = World::new(1);
    let first = reserve(&world, request(100, Some(300))).unwrap();
    assert_eq!(first.max_tokens, Some(300));
    // 600 are left: the usual reply does not fit.
    let second = reserve(&world, request(100, None)).unwrap();
    assert_eq!(second.max_tokens, Some(500));
    assert_eq!(credits(&world).left, Some(0));
    assert_eq!(credits(&world).reserved, 1000);
    world.take_counts();
    let refused = reserve(&world, request(0, Some(1)));
    assert_eq!(refused, Err(Error::LimitReached(LimitKind::Credits)));
    assert_eq!(world.take_counts().1, 0);

    settle(&world, first.id.as_deref(), usage(90, 60));
    release(&world, second.id.as_deref());
    let then = credits(&world);
    assert_eq!((then.used, then.left, then.reserved), (150, Some(850), 0));
    // The prompt and one token more must fit.
    assert!(reserve(&world, request(850, None)).is_err());
    let last = reserve(&world, request(849, None)).unwrap();
    assert_eq!(last.max_tokens, Some(1));
}

#[test]
fn reserve_without_a_limit_writes_nothing_and_bounds_nothing() {
    let free = Plans::parse("").unwrap();
    assert_eq!(
        ledger::unlimited(&request(5, Some(7)), &free),
        Some(Reservation {
            id: None,
            max_tokens: Some(7)
        })
    );
    assert_eq!(ledger::unlimited(&request(5, None), &plans()), None);
    let budget = with_key(request(5, None), Some(1), None);
    assert_eq!(ledger::unlimited(&budget, &free), None);
    let no_budget = with_key(request(5, None), None, None);
    assert!(ledger::unlimited(&no_budget, &free).is_some());

    let world = World::new(1);
    set_plan(&world, "business").unwrap();
    world.take_counts();
    let unlimited = reserve(&world, with_key(request(5_000, None), None, None)).unwrap();
    assert_eq!((unlimited.id, unlimited.max_tokens), (None, None));
    assert_eq!(world.take_counts().1, 0);
}

#[test]
fn reserve_and_settle_take_two_writes_each() {
    let world = World::new(1);
    set_plan(&world, "pro").unwrap();
    for _ in 0..5 {
        world.take_counts();
        let reservation = reserve(&world, request(1, Some(1))).unwrap();
        assert_eq!(world.take_counts().1, 2);
        settle(&world, reservation.id.as_deref(), usage(1, 1));
        assert_eq!(world.take_counts().1, 2);
    }
}

#[test]
fn settle_of_a_longer_prompt_than_estimated_is_charged_in_full() {
    let world = World::new(1);
    let reservation = reserve(&world, request(100, Some(900))).unwrap();
    settle(&world, reservation.id.as_deref(), usage(300, 900));
    let then = credits(&world);
    assert_eq!((then.used, then.left), (1200, Some(0)));
    grant(&world, "a", 50);
    assert_eq!(credits(&world).left, Some(50));
}

#[test]
fn granted_credits_are_used_after_the_months_and_do_not_expire() {
    let world = World::new(1);
    grant(&world, "a", 500);
    grant(&world, "a", 500);
    assert_eq!(credits(&world).left, Some(1500));
    let reservation = reserve(&world, request(200, Some(1000))).unwrap();
    assert_eq!(reservation.max_tokens, Some(1000));
    settle(&world, reservation.id.as_deref(), usage(200, 1000));
    let then = credits(&world);
    assert_eq!((then.used, then.left, then.granted), (1200, Some(300), 300));
    world.pass(balance(&world).resets_at - world.now());
    let then = credits(&world);
    assert_eq!((then.used, then.left, then.granted), (0, Some(1300), 300));
    // Usage that was paid with granted credits does not count against a larger plan.
    let reservation = reserve(&world, request(100, Some(1000))).unwrap();
    settle(&world, reservation.id.as_deref(), usage(100, 1000));
    assert_eq!(credits(&world).granted, 200);
    assert_eq!(set_plan(&world, "pro").unwrap().credits_left, Some(4200));
}

#[test]
fn credits_of_a_new_month_in_utc_are_unused() {
    let world = World::new(1);
    let resets_at = balance(&world).resets_at;
    // 2027-02-01T00:00:00Z
    assert_eq!(resets_at, 1_801_440_000_000);
    world.pass(resets_at - world.now() - 1);
    let late = reserve(&world, request(500, Some(500))).unwrap();
    assert_eq!(credits(&world).left, Some(0));
    world.pass(1);
    // A running reservation counts in the month in which it is settled.
    assert_eq!(credits(&world).left, Some(0));
    assert_eq!(credits(&world).used, 0);
    settle(&world, late.id.as_deref(), usage(100, 100));
    let then = credits(&world);
    assert_eq!((then.used, then.left), (200, Some(800)));
    // 2027-03-01T00:00:00Z
    assert_eq!(balance(&world).resets_at, 1_803_859_200_000);
}

#[test]
fn settle_of_an_expired_reservation_is_charged() {
    let world = World::new(1);
    let reservation = reserve(&world, request(500, Some(500))).unwrap();
    world.pass(RESERVATION_EXPIRY - 1);
    assert!(reserve(&world, request(1, None)).is_err());
    world.pass(1);
    let other = reserve(&world, request(500, Some(500))).unwrap();
    for _ in 0..2 {
        settle(&world, reservation.id.as_deref(), usage(500, 300));
    }
    settle(&world, other.id.as_deref(), usage(500, 300));
    assert_eq!(credits(&world).used, 1600);
    assert!(reserve(&world, request(0, None)).is_err());
}

#[test]
fn settle_twice_counts_once() {
    let world = World::new(1);
    let reservation = reserve(&world, request(10, Some(10))).unwrap();
    world.set_latency(20);
    for _ in 0..4 {
        let ledger = of(world.client());
        let used = usage(10, 5);
        let id = reservation.id.clone();
        world.spawn(async move {
            ledger
                .settle(Some(&plans()), id.as_deref(), used)
                .await
                .unwrap();
        });
    }
    world.run();
    release(&world, reservation.id.as_deref());
    assert_eq!(credits(&world).used, 15);
    let rows = run(&world, |ledger| async move {
        let history = ledger.read().await.unwrap().history;
        history.transactions(None).count()
    });
    assert_eq!(rows, 1);
}

#[test]
fn reserve_with_an_api_key_is_limited_by_its_budget() {
    let world = World::new(1);
    let reserve_with = |requests, tokens| {
        let request = with_key(request(10, Some(90)), requests, tokens);
        reserve(&world, request)
    };
    let first = reserve_with(Some(2), Some(250)).unwrap();
    assert_eq!(first.max_tokens, Some(90));
    let second = reserve_with(Some(2), Some(150)).unwrap();
    assert_eq!(second.max_tokens, Some(40));
    let refused = Err(Error::LimitReached(LimitKind::ApiKeyRequests));
    assert_eq!(reserve_with(Some(2), None), refused);
    let refused = Err(Error::LimitReached(LimitKind::ApiKeyTokens));
    assert_eq!(reserve_with(None, Some(160)), refused);

    let key = Some("key".to_owned());
    let used = Usage {
        api_key: key,
        ..usage(10, 20)
    };
    settle(&world, first.id.as_deref(), used);
    release(&world, second.id.as_deref());
    let then = reserve_with(Some(2), Some(41)).unwrap();
    assert_eq!(then.max_tokens, Some(1));
    release(&world, then.id.as_deref());
    assert!(reserve_with(Some(1), None).is_err());
    assert!(reserve_with(None, Some(40)).is_err());
    // Only the requests are bounded, and no plan's credits: the reply is not.
    set_plan(&world, "business").unwrap();
    let request = with_key(request(10, None), Some(2), None);
    assert_eq!(reserve(&world, request).unwrap().max_tokens, None);
}

#[test]
fn set_plan_of_a_name_sets_its_limits() {
    let world = World::new(1);
    assert_eq!(balance(&world).plan, "free");
    assert_eq!(set_plan(&world, "pro").unwrap().monthly_credits, Some(5000));
    assert_eq!(
        set_plan(&world, "gold"),
        Err(Error::UnknownPlan("free, pro, business".to_owned()))
    );
    let unlimited = set_plan(&world, "business").unwrap();
    assert_eq!(
        (unlimited.monthly_credits, unlimited.credits_left),
        (None, None)
    );
    world.take_counts();
    set_plan(&world, "business").unwrap();
    assert_eq!(world.take_counts().1, 0);
}

#[test]
fn erase_leaves_no_content() {
    let world = World::new(1);
    grant(&world, "a", 77_777);
    set_plan(&world, "pro").unwrap();
    for _ in 0..40 {
        let request = with_key(request(1, None), None, Some(1_000_000));
        let reservation = reserve(&world, request).unwrap();
        let key = Some("key".to_owned());
        let used = Usage {
            api_key: key,
            ..usage(1, 1)
        };
        settle(&world, reservation.id.as_deref(), used);
    }
    let keys = run(
        &world,
        |ledger| async move { ledger.erase().await.unwrap() },
    );
    assert_eq!(keys, ["key"]);
    for text in ["gpt-4o", "gift", "77777", "pro", "key\""] {
        assert!(world.keys_containing(text).is_empty(), "{text}");
    }
    assert_eq!(balance(&world).plan, "free");
    assert_eq!(credits(&world).left, Some(1000));
    let keys = world.keys();
    for _ in 0..2 {
        run(
            &world,
            |ledger| async move { ledger.erase().await.unwrap() },
        );
    }
    assert_eq!(world.keys(), keys);
    // And it can be lived on with.
    let reservation = reserve(&world, request(1, Some(1))).unwrap();
    settle(&world, reservation.id.as_deref(), usage(1, 1));
    assert_eq!(credits(&world).used, 2);
}

#[test]
fn erase_after_an_interrupted_erase_leaves_no_content() {
    for step in 0..8 {
        for fault in [Fault::DieBefore, Fault::DieAfter, Fault::Fail] {
            let world = World::new(step + 1);
            grant(&world, "a", 77_777);
            settle(&world, None, usage(1, 1));
            let ledger = of(world.client().with_fault(step, fault));
            let _ = world.finish(async move { ledger.erase().await });
            run(
                &world,
                |ledger| async move { ledger.erase().await.unwrap() },
            );
            for text in ["gpt-4o", "gift", "77777"] {
                assert!(
                    world.keys_containing(text).is_empty(),
                    "step {step}: {text}"
                );
            }
            assert_eq!(credits(&world).left, Some(1000));
        }
    }
}

#[test]
fn new_with_an_invalid_user_or_key_is_refused() {
    let world = World::new(1);
    for user in ["", "a/b", "ü", &"u".repeat(129)] {
        assert!(Ledger::new(world.client(), user).is_err());
    }
    let mut request = with_key(request(1, None), Some(1), None);
    if let Some(key) = &mut request.api_key {
        key.id = "k".repeat(65);
    }
    assert!(matches!(
        reserve(&world, request),
        Err(Error::Unavailable(_))
    ));
}
