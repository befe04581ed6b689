use journal::testing::{BEGINNING, Client, Fault, World};

use super::*;
use crate::keys::SLOTS;

const TIME: Duration = Duration::from_secs(60);
/// The content of responses, to be searched for in the store.
const SECRET: &str = "marker-of-a-response";

fn cache(platform: Client, scope: Scope) -> Cache<Client> {
    Cache::new(platform, Settings { time: TIME, scope })
}

fn key(user: &str, number: u64) -> Key {
    Key {
        user: User::new(user).unwrap(),
        fingerprint: Fingerprint::new(format!("{number:016x}").repeat(4)).unwrap(),
    }
}

/// Looks up a response, and stores one if there is none.
async fn get_or_put(cache: &Cache<Client>, key: &Key) -> Option<String> {
    match cache.get(key, None).await.unwrap() {
        Lookup::Hit { body, .. } => Some(body),
        Lookup::Miss(generation) => {
            let body = format!("{SECRET} {}", key.fingerprint.text());
            cache.put(key, &generation, body).await.unwrap();
            None
        }
    }
}

fn is_hit(world: &World, scope: Scope, key: Key) -> bool {
    let cache = cache(world.client(), scope);
    let body = world.finish(async move { get_or_put(&cache, &key).await });
    body.unwrap().is_some()
}

fn erase(world: &World, user: &str) {
    let cache = cache(world.client(), Scope::User);
    let user = User::new(user).unwrap();
    let done = world.finish(async move { cache.erase(&user).await });
    assert_eq!(done, Some(Ok(())));
}

#[test]
fn get_depends_on_request_user_and_time() {
    let world = World::new(1);
    let is_hit = |user, number| is_hit(&world, Scope::User, key(user, number));
    assert!(!is_hit("ada", 1));
    assert!(is_hit("ada", 1));
    assert!(!is_hit("bob", 1));
    assert!(!is_hit("ada", 2));
    world.pass(59_999);
    assert!(is_hit("ada", 1));
    world.pass(1);
    assert!(!is_hit("ada", 1));
    assert!(is_hit("ada", 1));
}

#[test]
fn put_of_another_request_may_overwrite_the_slot() {
    let world = World::new(1);
    let is_hit = |number| is_hit(&world, Scope::User, key("ada", number));
    assert!(!is_hit(1));
    assert!(!is_hit(1 + SLOTS));
    assert!(!is_hit(1));
    // However many requests there are, there are only the keys of the slots and of the generation.
    for number in 0..1000 {
        is_hit(number);
    }
    assert_eq!(world.keys().len() as u64, SLOTS + 1);
}

#[test]
fn get_of_a_response_older_than_max_age_is_a_miss() {
    let world = World::new(1);
    assert!(!is_hit(&world, Scope::User, key("ada", 1)));
    world.pass(10_000);
    let cache = cache(world.client(), Scope::User);
    let hits = world.finish(async move {
        let find = async |max_age: Option<u64>| {
            let max_age = max_age.map(Duration::from_secs);
            let lookup = cache.get(&key("ada", 1), max_age).await.unwrap();
            matches!(lookup, Lookup::Hit { age, .. } if age == Duration::from_secs(10))
        };
        [
            find(None).await,
            find(Some(11)).await,
            find(Some(10)).await,
            find(Some(0)).await,
        ]
    });
    assert_eq!(hits, Some([true, true, false, false]));
}

#[test]
fn get_of_an_expired_response_deletes_it() {
    let world = World::new(1);
    assert!(!is_hit(&world, Scope::User, key("ada", 1)));
    world.pass(60_000);
    let cache = cache(world.client(), Scope::User);
    // By another request of the same slot, whose response is not stored.
    let lookup = world.finish(async move {
        let other = key("ada", 1 + SLOTS);
        cache.get(&other, None).await.unwrap()
    });
    assert!(matches!(lookup, Some(Lookup::Miss(_))));
    assert_eq!(world.keys_containing(SECRET), Vec::<String>::new());
}

#[test]
fn get_in_a_shared_cache_finds_the_response_of_the_first_user() {
    let world = World::new(1);
    let is_hit = |user, number| is_hit(&world, Scope::Shared, key(user, number));
    assert!(!is_hit("ada", 1));
    assert!(is_hit("bob", 1));
    assert_eq!(
        world.keys_containing(SECRET),
        [key("ada", 1).user.response_key(&key("ada", 1).fingerprint)]
    );
    // The entry of the common table for another request is not used.
    assert!(!is_hit("bob", 1 + 4096));
    erase(&world, "ada");
    assert!(!world.keys().iter().any(|key| key.contains(":ada")));
    assert!(!is_hit("bob", 1));
    assert!(is_hit("ada", 1));
}

#[test]
fn get_of_malformed_bytes_is_a_miss() {
    let world = World::new(1);
    let key = key("ada", 1);
    let place = key.user.response_key(&key.fingerprint);
    for (place_key, odd) in [
        (place.clone(), &b"\xff\x00"[..]),
        (place.clone(), b"{}"),
        (key.fingerprint.shared_key(), b"../ada:1"),
        (key.fingerprint.shared_key(), b"\xff"),
        (key.user.generation_key(), b"\xff"),
    ] {
        assert!(!is_hit(&world, Scope::Shared, key.clone()), "{place_key}");
        assert!(is_hit(&world, Scope::Shared, key.clone()), "{place_key}");
        world.put(&place_key, Some(odd.to_vec()));
        world.put(&place, (place_key == place).then(|| odd.to_vec()));
    }
    assert!(!is_hit(&world, Scope::Shared, key));
}

#[test]
fn put_of_a_long_response_stores_nothing() {
    let world = World::new(1);
    let cache = cache(world.client(), Scope::User);
    let stored = world.finish(async move {
        let mut stored = Vec::new();
        for length in [BODY_BYTES_MAX, BODY_BYTES_MAX + 1] {
            let key = key("ada", length as u64);
            let Lookup::Miss(generation) = cache.get(&key, None).await.unwrap() else {
                panic!("the first lookup is not a miss");
            };
            // At its longest in the store.
            let body = "\u{1}".repeat(length);
            cache.put(&key, &generation, body).await.unwrap();
            let lookup = cache.get(&key, None).await.unwrap();
            stored.push(matches!(lookup, Lookup::Hit { .. }));
        }
        stored
    });
    assert_eq!(stored, Some(vec![true, false]));
    let place = key("ada", BODY_BYTES_MAX as u64);
    let place = place.user.response_key(&place.fingerprint);
    assert!(world.value(&place).unwrap().len() <= journal::VALUE_MAX);
}

#[test]
fn erase_leaves_no_key_of_the_user() {
    let world = World::new(1);
    for number in 0..SLOTS {
        assert!(!is_hit(&world, Scope::User, key("ada", number)));
    }
    assert!(!is_hit(&world, Scope::User, key("bob", 1)));
    erase(&world, "ada");
    assert_eq!(world.keys_containing(SECRET).len(), 1);
    assert!(world.keys().iter().all(|key| key.contains(":bob")));
    assert!(!is_hit(&world, Scope::User, key("ada", 1)));
    assert!(is_hit(&world, Scope::User, key("bob", 1)));
    // Erasing a cache that was never used writes nothing.
    world.take_counts();
    erase(&world, "eve");
    assert_eq!(world.take_counts(), (1, 0));
}

#[test]
fn get_and_put_cost_what_the_documentation_says() {
    let world = World::new(1);
    assert!(!is_hit(&world, Scope::User, key("ada", 1)));
    world.take_counts();
    assert!(is_hit(&world, Scope::User, key("ada", 1)));
    assert_eq!(world.take_counts(), (1, 0));
    assert!(!is_hit(&world, Scope::User, key("ada", 2)));
    assert_eq!(world.take_counts(), (4, 1));
}

#[test]
fn put_during_erase_leaves_nothing() {
    for seed in 0..200 {
        let world = World::new(seed);
        world.set_latency(40);
        assert!(!is_hit(&world, Scope::User, key("ada", 3)));
        for number in 0..4 {
            let cache = cache(world.client(), Scope::User);
            let client = world.client();
            let (before, during) = (world.random(0..=80), world.random(0..=80));
            world.spawn(async move {
                let key = key("ada", number);
                client.sleep(before).await;
                // The lookup ends before the erasure begins. The response may be stored later.
                let lookup = cache.get(&key, None).await.unwrap();
                if let Lookup::Miss(generation) = lookup
                    && client.now() < BEGINNING + 400
                {
                    client.sleep(during + 300).await;
                    cache
                        .put(&key, &generation, SECRET.to_owned())
                        .await
                        .unwrap();
                }
            });
        }
        let cache = cache(world.client(), Scope::User);
        let client = world.client();
        world.spawn(async move {
            client.sleep(BEGINNING + 480 - client.now()).await;
            let user = User::new("ada").unwrap();
            cache.erase(&user).await.unwrap();
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
fn put_that_cannot_check_the_generation_deletes_the_response() {
    let world = World::new(1);
    let key = key("ada", 1);
    let finder = cache(world.client(), Scope::User);
    let wanted = key.clone();
    let lookup = world.finish(async move { finder.get(&wanted, None).await.unwrap() });
    let Some(Lookup::Miss(generation)) = lookup else {
        panic!("the first lookup is not a miss");
    };
    // The second check of the generation in `put` fails.
    let writer = cache(world.client().with_fault(2, Fault::Fail), Scope::User);
    let stored =
        world.finish(async move { writer.put(&key, &generation, SECRET.to_owned()).await });
    assert!(matches!(stored, Some(Err(_))));
    assert_eq!(world.keys_containing(SECRET), Vec::<String>::new());
}

#[test]
fn erase_after_an_interrupted_erase_leaves_nothing() {
    for step in 0..4 {
        let world = World::new(1);
        assert!(!is_hit(&world, Scope::User, key("ada", 1)));
        let breaking = cache(
            world.client().with_fault(step, Fault::DieAfter),
            Scope::User,
        );
        let user = User::new("ada").unwrap();
        assert_eq!(
            world.finish(async move { breaking.erase(&user).await }),
            None
        );
        erase(&world, "ada");
        assert_eq!(world.keys(), Vec::<String>::new(), "step {step}");
    }
}
