use journal::testing::{Client, World};

use super::*;
use crate::account::Event;
use crate::testing::{accounts, user};

fn run<T: 'static>(world: &World, task: impl AsyncFnOnce(Accounts<Client>) -> T + 'static) -> T {
    let one = accounts(world);
    world.finish(async move { task(one).await }).unwrap()
}

async fn delete(one: &Accounts<Client>, id: &str) {
    let mut view = one.read(id).await.unwrap();
    let event = Event::Deleted {
        permanent: true,
        guest: None,
        at: one.now(),
    };
    one.append(id, &mut view, &event).await.unwrap();
}

async fn ids(one: &Accounts<Client>, search: Option<&str>, limit: u32) -> Vec<String> {
    let mut ids = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = list(one, search, cursor.as_deref(), limit).await.unwrap();
        assert!(page.accounts.len() <= usize::try_from(limit).unwrap());
        ids.extend(page.accounts.into_iter().map(|account| account.id));
        match page.next {
            Some(next) => cursor = Some(next),
            None => return ids,
        }
    }
}

#[test]
fn list_returns_pages_oldest_first() {
    let world = World::new(1);
    run(&world, async |one| {
        let mut expected = Vec::new();
        for number in 0..45 {
            let id = format!("user_{number}");
            user(&one, &id, &format!("u{number}@example.com"), None).await;
            expected.push(id);
        }
        for limit in [1, 7, 16, 45, 100] {
            assert_eq!(ids(&one, None, limit).await, expected, "{limit}");
        }
        delete(&one, "user_3").await;
        expected.remove(3);
        assert_eq!(ids(&one, None, 10).await, expected);
        assert_eq!(ids(&one, Some("U44@"), 10).await, ["user_44"]);
        assert_eq!(ids(&one, Some(" u4"), 2).await.len(), 6);
        assert!(ids(&one, Some("nobody"), 5).await.is_empty());
        let figures = statistics(one.platform()).await.unwrap();
        let expected = Statistics {
            accounts: 44,
            registered_ever: 45,
            deleted_ever: 1,
        };
        assert_eq!(figures, expected);
    });
}

#[test]
fn find_by_email_ignores_case() {
    let world = World::new(1);
    run(&world, async |one| {
        user(&one, "user_1", "Ada@example.com", None).await;
        let account = find_by_email(&one, " ada@EXAMPLE.com").await.unwrap();
        assert_eq!(account.id, "user_1");
        delete(&one, "user_1").await;
        assert_eq!(
            find_by_email(&one, "ada@example.com").await,
            Err(Error::NotFound)
        );
        assert_eq!(find_by_email(&one, "").await, Err(Error::NotFound));
    });
}

#[test]
fn list_with_invalid_parameters_is_invalid() {
    let world = World::new(1);
    run(&world, async |one| {
        let long = "x".repeat(255);
        for (search, cursor, limit) in [
            (None, Some("x"), 10),
            (None, Some("-1"), 10),
            (None, None, 0),
            (None, None, 101),
            (Some(long.as_str()), None, 10),
        ] {
            let refused = list(&one, search, cursor, limit).await;
            assert!(matches!(refused, Err(Error::Invalid(_))));
        }
        let beyond = list(&one, None, Some("1000000"), 10).await.unwrap();
        assert_eq!((beyond.accounts.len(), beyond.next), (0, None));
    });
}

/// Several writers may apply the same effect at once. The account is listed and counted once.
#[test]
fn concurrent_updates_of_one_user_list_it_once() {
    for seed in 0..50 {
        let world = World::new(seed);
        world.set_latency(30);
        run(&world, async |one| {
            user(&one, "user_1", "a@example.com", None).await
        });
        for _ in 0..4 {
            let client = world.client();
            world.spawn(async move {
                let list = effects::directory(&client);
                list.add("user_2").await.unwrap();
                list.add("user_1").await.unwrap();
            });
        }
        world.run();
        run(&world, async |one| {
            user(&one, "user_2", "b@example.com", None).await
        });
        let listed = run(&world, async |one| ids(&one, None, 3).await);
        assert_eq!(listed.len(), 2, "seed {seed}");
        for _ in 0..4 {
            let client = world.client();
            world.spawn(async move {
                effects::directory(&client).remove("user_1").await.unwrap();
            });
        }
        world.run();
        let figures = run(&world, async |one| {
            statistics(one.platform()).await.unwrap()
        });
        let expected = Statistics {
            accounts: 1,
            registered_ever: 2,
            deleted_ever: 1,
        };
        assert_eq!(figures, expected, "seed {seed}");
    }
}
