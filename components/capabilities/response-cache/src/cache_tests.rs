use journal::testing::{BEGINNING, Client, Fault, World};

use super::*;
use crate::names::PLACES;

const TIME: Duration = Duration::from_secs(60);
/// What answers hold, to be looked for in the store.
const SECRET: &str = "marker-of-an-answer";

fn cache(platform: Client, scope: Scope) -> Cache<Client> {
    Cache::new(platform, Settings { time: TIME, scope })
}

fn question(user: &str, number: u64) -> Question {
    Question {
        user: User::new(user.to_owned()).unwrap(),
        fingerprint: Fingerprint::new(format!("{number:016x}").repeat(4)).unwrap(),
    }
}

/// Looks, and keeps an answer if there is none.
async fn ask(cache: &Cache<Client>, question: &Question) -> Option<String> {
    match cache.find(question, None).await.unwrap() {
        Finding::Found { body, .. } => Some(body),
        Finding::Nothing(period) => {
            let body = format!("{SECRET} {}", question.fingerprint.text());
            cache.keep(question, &period, body).await.unwrap();
            None
        }
    }
}

fn asked(world: &World, scope: Scope, question: Question) -> bool {
    let cache = cache(world.client(), scope);
    let found = world.finish(async move { ask(&cache, &question).await });
    found.unwrap().is_some()
}

fn cleared(world: &World, user: &str) {
    let cache = cache(world.client(), Scope::User);
    let user = User::new(user.to_owned()).unwrap();
    let done = world.finish(async move { cache.clear(&user).await });
    assert_eq!(done, Some(Ok(())));
}

#[test]
fn an_answer_is_for_its_question_its_user_and_a_time() {
    let world = World::new(1);
    let asked = |user, number| asked(&world, Scope::User, question(user, number));
    assert!(!asked("ada", 1));
    assert!(asked("ada", 1));
    assert!(!asked("bob", 1));
    assert!(!asked("ada", 2));
    world.pass(59_999);
    assert!(asked("ada", 1));
    world.pass(1);
    assert!(!asked("ada", 1));
    assert!(asked("ada", 1));
}

#[test]
fn another_question_may_take_the_place() {
    let world = World::new(1);
    let asked = |number| asked(&world, Scope::User, question("ada", number));
    assert!(!asked(1));
    assert!(!asked(1 + PLACES));
    assert!(!asked(1));
    // However much is asked, there are no more keys than places, and the period's.
    for number in 0..1000 {
        asked(number);
    }
    assert_eq!(world.keys().len() as u64, PLACES + 1);
}

#[test]
fn an_older_answer_than_the_client_takes_is_none() {
    let world = World::new(1);
    assert!(!asked(&world, Scope::User, question("ada", 1)));
    world.pass(10_000);
    let cache = cache(world.client(), Scope::User);
    let found = world.finish(async move {
        let find = async |max_age: Option<u64>| {
            let max_age = max_age.map(Duration::from_secs);
            let found = cache.find(&question("ada", 1), max_age).await.unwrap();
            matches!(found, Finding::Found { age, .. } if age == Duration::from_secs(10))
        };
        [
            find(None).await,
            find(Some(11)).await,
            find(Some(10)).await,
            find(Some(0)).await,
        ]
    });
    assert_eq!(found, Some([true, true, false, false]));
}

#[test]
fn what_has_expired_is_erased_when_it_is_come_upon() {
    let world = World::new(1);
    assert!(!asked(&world, Scope::User, question("ada", 1)));
    world.pass(60_000);
    let cache = cache(world.client(), Scope::User);
    // By another question of the same place, whose answer is never kept.
    let found = world.finish(async move {
        let other = question("ada", 1 + PLACES);
        cache.find(&other, None).await.unwrap()
    });
    assert!(matches!(found, Some(Finding::Nothing(_))));
    assert_eq!(world.keys_containing(SECRET), Vec::<String>::new());
}

#[test]
fn where_all_share_it_is_kept_with_who_asked_first() {
    let world = World::new(1);
    let asked = |user, number| asked(&world, Scope::Shared, question(user, number));
    assert!(!asked("ada", 1));
    assert!(asked("bob", 1));
    assert_eq!(
        world.keys_containing(SECRET),
        [question("ada", 1)
            .user
            .answer_key(&question("ada", 1).fingerprint)]
    );
    // What the table for all says of another question is not believed.
    assert!(!asked("bob", 1 + 4096));
    cleared(&world, "ada");
    assert!(!world.keys().iter().any(|key| key.contains(":ada")));
    assert!(!asked("bob", 1));
    assert!(asked("ada", 1));
}

#[test]
fn stored_bytes_that_make_no_sense_are_no_answer() {
    let world = World::new(1);
    let question = question("ada", 1);
    let place = question.user.answer_key(&question.fingerprint);
    for (key, odd) in [
        (place.clone(), &b"\xff\x00"[..]),
        (place.clone(), b"{}"),
        (question.fingerprint.shared_key(), b"../ada:1"),
        (question.fingerprint.shared_key(), b"\xff"),
        (question.user.period_key(), b"\xff"),
    ] {
        assert!(!asked(&world, Scope::Shared, question.clone()), "{key}");
        assert!(asked(&world, Scope::Shared, question.clone()), "{key}");
        world.put(&key, Some(odd.to_vec()));
        world.put(&place, (key == place).then(|| odd.to_vec()));
    }
    assert!(!asked(&world, Scope::Shared, question));
}

#[test]
fn long_answers_are_not_kept() {
    let world = World::new(1);
    let cache = cache(world.client(), Scope::User);
    let kept = world.finish(async move {
        let mut kept = Vec::new();
        for length in [MAX_BODY, MAX_BODY + 1] {
            let question = question("ada", length as u64);
            let Finding::Nothing(period) = cache.find(&question, None).await.unwrap() else {
                panic!("nothing was kept yet");
            };
            // At its longest in the store.
            let body = "\u{1}".repeat(length);
            cache.keep(&question, &period, body).await.unwrap();
            let found = cache.find(&question, None).await.unwrap();
            kept.push(matches!(found, Finding::Found { .. }));
        }
        kept
    });
    assert_eq!(kept, Some(vec![true, false]));
    let place = question("ada", MAX_BODY as u64);
    let place = place.user.answer_key(&place.fingerprint);
    assert!(world.value(&place).unwrap().len() <= journal::VALUE_MAX);
}

#[test]
fn clearing_leaves_nothing_of_the_user() {
    let world = World::new(1);
    for number in 0..PLACES {
        assert!(!asked(&world, Scope::User, question("ada", number)));
    }
    assert!(!asked(&world, Scope::User, question("bob", 1)));
    cleared(&world, "ada");
    assert_eq!(world.keys_containing(SECRET).len(), 1);
    assert!(world.keys().iter().all(|key| key.contains(":bob")));
    assert!(!asked(&world, Scope::User, question("ada", 1)));
    assert!(asked(&world, Scope::User, question("bob", 1)));
    // Clearing what was never used writes nothing.
    world.take_counts();
    cleared(&world, "eve");
    assert_eq!(world.take_counts(), (1, 0));
}

#[test]
fn it_costs_what_it_says() {
    let world = World::new(1);
    assert!(!asked(&world, Scope::User, question("ada", 1)));
    world.take_counts();
    assert!(asked(&world, Scope::User, question("ada", 1)));
    assert_eq!(world.take_counts(), (1, 0));
    assert!(!asked(&world, Scope::User, question("ada", 2)));
    assert_eq!(world.take_counts(), (4, 1));
}

#[test]
fn nothing_that_was_on_its_way_is_there_after_clearing() {
    for seed in 0..200 {
        let world = World::new(seed);
        world.set_latency(40);
        assert!(!asked(&world, Scope::User, question("ada", 3)));
        for number in 0..4 {
            let cache = cache(world.client(), Scope::User);
            let client = world.client();
            let (before, during) = (world.random(0..=80), world.random(0..=80));
            world.spawn(async move {
                let question = question("ada", number);
                client.sleep(before).await;
                // Looked for before the clearing began, whenever it is kept.
                let found = cache.find(&question, None).await.unwrap();
                if let Finding::Nothing(period) = found
                    && client.now() < BEGINNING + 400
                {
                    client.sleep(during + 300).await;
                    cache
                        .keep(&question, &period, SECRET.to_owned())
                        .await
                        .unwrap();
                }
            });
        }
        let cache = cache(world.client(), Scope::User);
        let client = world.client();
        world.spawn(async move {
            client.sleep(BEGINNING + 480 - client.now()).await;
            let user = User::new("ada".to_owned()).unwrap();
            cache.clear(&user).await.unwrap();
        });
        world.run();
        assert_eq!(
            world.keys_containing(SECRET),
            Vec::<String>::new(),
            "seed {seed}"
        );
    }
}

#[test]
fn what_may_have_been_cleared_is_erased() {
    let world = World::new(1);
    let question = question("ada", 1);
    let finder = cache(world.client(), Scope::User);
    let asked = question.clone();
    let found = world.finish(async move { finder.find(&asked, None).await.unwrap() });
    let Some(Finding::Nothing(period)) = found else {
        panic!("nothing was kept yet");
    };
    // Of keeping, the second look at the period fails.
    let keeper = cache(world.client().with_fault(2, Fault::Fail), Scope::User);
    let kept =
        world.finish(async move { keeper.keep(&question, &period, SECRET.to_owned()).await });
    assert!(matches!(kept, Some(Err(_))));
    assert_eq!(world.keys_containing(SECRET), Vec::<String>::new());
}

#[test]
fn a_clearing_that_broke_off_is_made_up_for() {
    for step in 0..4 {
        let world = World::new(1);
        assert!(!asked(&world, Scope::User, question("ada", 1)));
        let breaking = cache(
            world.client().with_fault(step, Fault::DieAfter),
            Scope::User,
        );
        let user = User::new("ada".to_owned()).unwrap();
        assert_eq!(
            world.finish(async move { breaking.clear(&user).await }),
            None
        );
        cleared(&world, "ada");
        assert_eq!(world.keys(), Vec::<String>::new(), "step {step}");
    }
}
