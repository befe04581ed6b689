//! The content and the size of the history.

use journal::Fold;
use journal::testing::BEGINNING;

use crate::credits::calendar;
use crate::credits::entries::{Entry, KeyBudget, Reserved, Settled};
use crate::credits::history::Kind;
use crate::credits::state::{State, settled};

const DAY: u64 = 86_400_000;

fn usage_of(id: u64, model: &str, at: u64) -> Entry {
    Entry::Settled(Settled {
        model: model.to_owned(),
        completion: 2,
        ..settled(id, 1, at)
    })
}

fn folded(entries: impl IntoIterator<Item = Entry>) -> State {
    let mut ledger = State::default();
    for (number, entry) in (1..).zip(entries) {
        ledger.apply(number, entry);
    }
    ledger
}

#[test]
fn days_of_one_hundred_days_are_the_last_ninety() {
    let days = (0..100).flat_map(|day| {
        let at = BEGINNING + day * DAY;
        [("a", 0), ("b", 1), ("a", 2)].map(|(model, n)| usage_of(day * 3 + n, model, at))
    });
    let ledger = folded(days);
    let today = calendar::day_of(BEGINNING + 99 * DAY);
    let rows: Vec<_> = ledger.history.days(today).collect();
    assert_eq!(rows.len(), 180);
    assert_eq!(rows[0].day, today);
    assert_eq!(rows[179].day, today - 89);
    let row = rows
        .iter()
        .find(|row| row.day == today && ledger.history.model(row.model) == "a")
        .unwrap();
    assert_eq!((row.requests, row.prompt, row.completion), (2, 2, 4));
    // Days that are too old are left out, even without a later entry.
    assert_eq!(ledger.history.days(today + 89).count(), 2);
    assert_eq!(ledger.history.days(today + 90).count(), 0);
}

#[test]
fn cost_is_counted_by_day_model_and_key() {
    let usage_with = |id, key: Option<&str>, cost, background| {
        Entry::Settled(Settled {
            cached: 1,
            cost,
            background,
            key: key.map(str::to_owned),
            ..settled(id, 2, BEGINNING)
        })
    };
    let ledger = folded([
        usage_with(1, Some("a"), Some(7), false),
        usage_with(2, Some("b"), None, false),
        usage_with(3, None, Some(100), false),
        usage_with(4, Some("a"), Some(30), true),
        // The same again counts once.
        usage_with(4, Some("a"), Some(30), true),
    ]);
    let history = &ledger.history;
    let today = calendar::day_of(BEGINNING);
    let all: Vec<_> = history.days(today).collect();
    let [all] = all.as_slice() else {
        panic!("{all:?}");
    };
    assert_eq!((all.requests, all.prompt, all.cached), (3, 8, 4));
    assert_eq!(all.cost, Some(137));
    let usage_by_key: Vec<_> = history
        .keys()
        .iter()
        .map(|key| {
            let days = history.days_of(key, today);
            let days: Vec<_> = days.map(|row| (row.requests, row.cost)).collect();
            (key.id.as_str(), key.requests, key.cost, days)
        })
        .collect();
    assert_eq!(
        usage_by_key,
        [
            ("a", 1, Some(37), vec![(1, Some(37))]),
            ("b", 1, None, vec![(1, None)]),
        ]
    );
}

#[test]
fn state_without_costs_is_read() {
    let old = r#"{"time": 5, "plan": null, "month": 0, "used": 3, "used_granted": 0, "granted": 0,
        "open": [], "closed": [], "grants": [], "history": {
            "models": ["m"], "days": [{"d": 0, "m": 1, "r": 1, "p": 2, "c": 1}],
            "keys": [{"id": "a", "r": 1, "t": 3, "n": 1}],
            "transactions": [{"n": 1, "t": 5, "k": {"usage": [3, 1, false]}}]}}"#;
    let mut ledger: State = serde_json::from_str(old).unwrap();
    let entry = r#"{"settled": {"id": 9, "model": "m", "prompt": 1, "completion": 1,
        "key": "a", "at": 6}}"#;
    ledger.apply(2, serde_json::from_str(entry).unwrap());
    let [key] = ledger.history.keys() else {
        panic!("{ledger:?}");
    };
    assert_eq!((key.requests, key.tokens, key.cost), (2, 5, None));
    let days: Vec<_> = ledger.history.days_of(key, 0).collect();
    assert_eq!(days.len(), 1);
    assert_eq!((days[0].requests, days[0].prompt), (1, 1));
    let row = ledger.history.days(0).next().unwrap();
    assert_eq!((row.requests, row.prompt, row.cost), (2, 3, None));
}

#[test]
fn transactions_are_the_last_ones_newest_first() {
    let ledger = folded((0..300).map(|id| usage_of(id, "a", BEGINNING)));
    let numbers: Vec<u64> = ledger
        .history
        .transactions(None)
        .map(|row| row.number)
        .collect();
    assert_eq!(numbers, (101..=300).rev().collect::<Vec<_>>());
    let before: Vec<u64> = ledger
        .history
        .transactions(Some(103))
        .map(|row| row.number)
        .collect();
    assert_eq!(before, [102, 101]);
    let row = ledger.history.transactions(None).next().unwrap();
    let Kind::Usage(3, model, false) = row.kind else {
        panic!("{row:?}");
    };
    assert_eq!(ledger.history.model(model), "a");
}

#[test]
fn models_that_are_no_longer_used_are_replaced() {
    let months = (0..200).map(|n| usage_of(n, &format!("model-{n}"), BEGINNING + n * DAY));
    let ledger = folded(months);
    let today = calendar::day_of(BEGINNING + 199 * DAY);
    let newest = ledger.history.days(today).next().unwrap();
    // Only 64 models of the last 90 days have a number of their own.
    assert_eq!(ledger.history.model(newest.model), "other");
    let later = BEGINNING + 400 * DAY;
    let mut ledger = ledger;
    for n in 0..200 {
        ledger.apply(201 + n, usage_of(1000 + n, "fresh", later));
    }
    let newest = ledger.history.days(calendar::day_of(later)).next().unwrap();
    assert_eq!(ledger.history.model(newest.model), "fresh");
    // The first request has no number of its own: the last transactions still use the numbers of 64 other models.
    assert_eq!(newest.requests, 199);
}

#[test]
fn state_after_any_entries_is_small() {
    let mut ledger = State::default();
    let mut longest = 0;
    for n in 0..40_000_u64 {
        let at = BEGINNING + n * 8_000_000 / 40 + n % 3;
        let key = format!("{:036}", n % 500);
        let entry = match n % 4 {
            0 => Entry::Granted {
                id: u64::MAX - n,
                amount: u64::MAX / 8,
                reason: Some("\"".repeat(800)),
                at,
            },
            1 => Entry::Settled(Settled {
                model: format!("{:0200}", n % 900),
                prompt: u32::MAX,
                completion: u32::MAX,
                cached: u32::MAX,
                cost: Some(u64::MAX),
                estimated: true,
                key: Some(key),
                ..settled(u64::MAX - n, 0, at)
            }),
            _ => Entry::Reserved(Reserved {
                id: u64::MAX - n,
                wanted: 2,
                minimum: 1,
                monthly: None,
                key: Some(KeyBudget {
                    id: key,
                    requests: Some(u64::MAX),
                    tokens: None,
                }),
                // All at once, so that none lapses.
                at: BEGINNING,
            }),
        };
        ledger.apply(u64::MAX / 2 + n, entry);
        if n % 500 == 0 {
            longest = longest.max(serde_json::to_vec(&ledger).unwrap().len());
        }
    }
    // Reservations that are open at the same time.
    for n in 0..1000_u64 {
        ledger.apply(
            u64::MAX - n,
            Entry::Reserved(Reserved {
                id: n << 40,
                wanted: u64::from(u32::MAX),
                minimum: 1,
                monthly: None,
                key: Some(KeyBudget {
                    id: format!("{n:036}"),
                    requests: None,
                    tokens: None,
                }),
                at: BEGINNING,
            }),
        );
    }
    longest = longest.max(serde_json::to_vec(&ledger).unwrap().len());
    assert!(longest < 350_000, "{longest}");
    assert!(longest > 50_000, "{longest}");
}
