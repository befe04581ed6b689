use std::cell::RefCell;
use std::rc::Rc;

use journal::testing::{Client, Fault, World};

use super::*;
use crate::account::Account;
use crate::testing::{accounts, accounts_of, user};

fn subject(id: &str) -> Subject {
    owner(id.to_owned(), false, false, None, None)
}

fn request(name: &str) -> NewApiKey {
    NewApiKey {
        name: name.to_owned(),
        ..NewApiKey::default()
    }
}

async fn make(
    accounts: &Accounts<Client>,
    id: &str,
    name: &str,
) -> Result<(ListedKey, String), Error> {
    create(accounts, &subject(id), request(name)).await
}

fn record(world: &World, secret: &str) -> Option<ApiKeyRecord> {
    let hash = api_key::parse(secret).unwrap();
    let bytes = world.value(&records::api_key(&hash))?;
    ApiKeyRecord::from_bytes(&bytes)
}

fn state(world: &World, id: &str) -> Account {
    let (one, id) = (accounts(world), id.to_owned());
    world
        .finish(async move { one.read(&id).await.unwrap().state })
        .unwrap()
}

#[test]
fn create_stores_hash_and_lists_key_without_secret() {
    let world = World::new(1);
    let one = accounts(&world);
    let (listed, secret) = world
        .finish(async move { make(&one, "user_1", " CI ").await.unwrap() })
        .unwrap();
    assert_eq!(listed.key.name, "CI");
    assert_eq!(listed.key.scopes, DEFAULT_SCOPES);
    assert!(secret.starts_with(&listed.key.prefix));
    let record = record(&world, &secret).unwrap();
    assert_eq!(
        (record.id, record.owner.id.as_str()),
        (listed.key.id.clone(), "user_1")
    );
    assert!(world.keys_containing(&secret).is_empty());

    world.put(
        &records::last_used(&listed.key.id),
        Some(records::last_used_to_bytes(77)),
    );
    let one = accounts(&world);
    let all = world
        .finish(async move { list(&one, "user_1").await.unwrap() })
        .unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!((all[0].active, all[0].last_used), (true, Some(77)));
}

#[test]
fn revoke_deletes_record_and_lists_key_for_thirty_days() {
    let world = World::new(1);
    let one = accounts(&world);
    let (first, second) = world
        .finish(async move {
            let (first, secret) = make(&one, "user_1", "first").await.unwrap();
            let (second, _) = make(&one, "user_1", "second").await.unwrap();
            for _ in 0..2 {
                revoke(&one, "user_1", &first.key.id).await.unwrap();
            }
            let unknown = revoke(&one, "user_1", "none").await;
            assert_eq!(unknown, Err(Error::NotFound));
            let others = revoke(&one, "user_2", &second.key.id).await;
            assert_eq!(others, Err(Error::NotFound));
            (secret, second.key.id)
        })
        .unwrap();
    assert_eq!(record(&world, &first), None);

    let one = accounts(&world);
    let all = world
        .finish(async move { list(&one, "user_1").await.unwrap() })
        .unwrap();
    let names: Vec<_> = all
        .iter()
        .map(|one| (one.key.name.as_str(), one.active))
        .collect();
    assert_eq!(names, [("second", true), ("first", false)]);

    world.pass(ENDED_KEYS_LISTED + 60_000);
    let one = accounts(&world);
    let all = world
        .finish(async move { list(&one, "user_1").await.unwrap() })
        .unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].key.id, second);
}

#[test]
fn revoke_all_returns_number_of_active_keys() {
    let world = World::new(1);
    let one = accounts(&world);
    let secrets = world
        .finish(async move {
            let mut secrets = Vec::new();
            for name in ["a", "b", "c"] {
                let (listed, secret) = make(&one, "guest_1", name).await.unwrap();
                if name == "a" {
                    revoke(&one, "guest_1", &listed.key.id).await.unwrap();
                }
                secrets.push(secret);
            }
            assert_eq!(revoke_all(&one, "guest_1").await, Ok(2));
            assert_eq!(revoke_all(&one, "guest_1").await, Ok(0));
            assert_eq!(revoke_all(&one, "guest_2").await, Ok(0));
            secrets
        })
        .unwrap();
    for secret in secrets {
        assert_eq!(record(&world, &secret), None);
    }
}

#[test]
fn create_beyond_fifty_active_keys_is_too_many_also_concurrently() {
    let world = World::new(3);
    world.set_latency(20);
    let made = Rc::new(RefCell::new(0));
    for _ in 0..6 {
        let (one, made) = (accounts(&world), Rc::clone(&made));
        world.spawn(async move {
            for _ in 0..12 {
                match make(&one, "user_1", "k").await {
                    Ok(_) => *made.borrow_mut() += 1,
                    Err(error) => assert_eq!(error, too_many()),
                }
            }
        });
    }
    world.run();
    assert_eq!(*made.borrow(), ACTIVE_KEYS_MAX);
    assert_eq!(state(&world, "user_1").keys.len(), ACTIVE_KEYS_MAX);

    // A key that is too old makes room.
    let world = World::new(1);
    let one = accounts(&world);
    let clock = world.client();
    world.finish(async move {
        use journal::Clock;
        for _ in 0..ACTIVE_KEYS_MAX {
            let short = NewApiKey {
                expires: Some(clock.now() + 600_000),
                ..request("short")
            };
            create(&one, &subject("user_1"), short).await.unwrap();
        }
        assert_eq!(
            make(&one, "user_1", "more").await.map(drop),
            Err(too_many())
        );
        clock.sleep(600_000).await;
        make(&one, "user_1", "more").await.unwrap();
    });
    assert_eq!(state(&world, "user_1").keys.len(), ACTIVE_KEYS_MAX + 1);
}

#[test]
fn create_with_invalid_request_is_invalid() {
    let world = World::new(1);
    let one = accounts(&world);
    world.finish(async move {
        let now = one.now();
        for wrong in [
            request(""),
            request(" "),
            request(&"x".repeat(101)),
            request("a\nb"),
            NewApiKey {
                expires: Some(now),
                ..request("k")
            },
            NewApiKey {
                expires: Some(u64::MAX),
                ..request("k")
            },
            NewApiKey {
                chat_per_minute: Some(0),
                ..request("k")
            },
            NewApiKey {
                token_budget: Some(0),
                ..request("k")
            },
        ] {
            let refused = create(&one, &subject("user_1"), wrong).await;
            assert!(matches!(refused, Err(Error::Invalid(_))));
        }
        let refused = make(&one, "no/user", "k").await;
        assert_eq!(refused.map(drop), Err(Error::NotFound));
    });
}

/// After any concurrent operations, a key has a record only if it is active.
#[test]
fn create_concurrent_with_revoke_leaves_records_of_active_keys_only() {
    for seed in 0..200 {
        let world = World::new(seed);
        world.set_latency(40);
        let secrets = Rc::new(RefCell::new(Vec::new()));
        for index in 0..3 {
            let client = match seed % 4 {
                0 => world.client().with_fault(seed % 11, Fault::Stall(3_000)),
                _ => world.client(),
            };
            let (one, secrets) = (accounts_of(client), Rc::clone(&secrets));
            world.spawn(async move {
                let name = format!("{index}");
                if let Ok((listed, secret)) = make(&one, "user_1", &name).await {
                    secrets.borrow_mut().push((listed.key.id, secret));
                }
            });
        }
        let one = accounts(&world);
        let delay = world.random(0..=400);
        let deleting = seed % 2 == 0;
        let clock = world.client();
        world.spawn(async move {
            use journal::Clock;
            clock.sleep(delay).await;
            if deleting {
                let mut view = one.read("user_1").await.unwrap();
                let event = Event::Deleted {
                    permanent: true,
                    guest: None,
                    at: one.now(),
                };
                one.append("user_1", &mut view, &event).await.unwrap();
            } else {
                revoke_all(&one, "user_1").await.unwrap();
            }
        });
        world.run();
        let state = state(&world, "user_1");
        let good: Vec<String> = state
            .keys
            .iter()
            .filter(|key| key.revoked.is_none())
            .map(|key| records::api_key(&key.hash))
            .collect();
        let mut stored = world.keys();
        stored.retain(|key| key.starts_with("identity:k:"));
        for key in &stored {
            assert!(good.contains(key), "seed {seed}");
        }
        for (id, secret) in secrets.take() {
            let is_good = state
                .keys
                .iter()
                .any(|key| key.id == id && key.revoked.is_none());
            assert_eq!(record(&world, &secret).is_some(), is_good, "seed {seed}");
        }
    }
}

#[test]
fn register_of_guest_revokes_its_keys() {
    let world = World::new(1);
    let one = accounts(&world);
    let guest = "guest_018f3b9e-0000-7000-8000-000000000001";
    let secret = world
        .finish(async move {
            let (_, secret) = make(&one, guest, "before").await.unwrap();
            user(
                &one,
                guest,
                "ada@example.com",
                Some("018f3b9e-0000-7000-8000-000000000001"),
            )
            .await;
            secret
        })
        .unwrap();
    assert_eq!(record(&world, &secret), None);
}

#[test]
fn list_returns_at_most_hundred_ended_keys_and_erases_older_ones() {
    let world = World::new(1);
    let one = accounts(&world);
    let ids = world
        .finish(async move {
            let mut ids = Vec::new();
            for _ in 0..103 {
                let (listed, _) = make(&one, "user_1", "k").await.unwrap();
                let used = records::last_used(&listed.key.id);
                use journal::Store;
                one.platform().set(&used, b"7").await.unwrap();
                revoke(&one, "user_1", &listed.key.id).await.unwrap();
                ids.push(listed.key.id);
            }
            let all = list(&one, "user_1").await.unwrap();
            assert_eq!(all.len(), 100);
            assert_eq!(all.first().map(|one| &one.key.id), ids.last());
            ids
        })
        .unwrap();
    for (index, id) in ids.iter().enumerate() {
        let is_known = world.value(&records::last_used(id)).is_some();
        assert_eq!(is_known, index >= 3, "{index}");
    }
    let one = accounts(&world);
    world.finish(async move {
        let mut view = one.read("user_1").await.unwrap();
        let event = Event::Deleted {
            permanent: true,
            guest: None,
            at: one.now(),
        };
        one.append("user_1", &mut view, &event).await.unwrap();
        assert_eq!(list(&one, "user_1").await, Ok(Vec::new()));
        let refused = make(&one, "user_1", "k").await;
        assert_eq!(refused.map(drop), Err(Error::NotFound));
    });
    let mut keys = world.keys();
    keys.retain(|key| key.starts_with("identity:l:") || key.starts_with("identity:k:"));
    assert!(keys.is_empty(), "{keys:?}");
}
