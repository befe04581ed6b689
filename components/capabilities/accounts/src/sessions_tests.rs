use std::cell::RefCell;
use std::rc::Rc;

use journal::Clock;
use journal::testing::{Fault, World};

use super::*;
use crate::account::REFRESH_LEEWAY;
use crate::testing::{UNKNOWN_CLIENT, accounts, accounts_of, is_refused, user};

const DAY: u64 = 24 * 60 * 60 * 1000;

fn guest(world: &World) -> SessionTokens {
    create_guest(&accounts(world), &UNKNOWN_CLIENT).unwrap()
}

fn renew(world: &World, token: &str) -> Result<SessionTokens, Error> {
    let (one, token) = (accounts(world), token.to_owned());
    let renewed = world.finish(async move { refresh(&one, &token, &UNKNOWN_CLIENT).await });
    renewed.unwrap()
}

/// Creates an account with a session.
fn member(world: &World, client: Client) -> SessionTokens {
    let one = accounts(world);
    let tokens = world.finish(async move {
        if one.read("user_1").await.unwrap().state.profile.is_none() {
            user(&one, "user_1", "ada@example.com", None).await;
        }
        let mut view = one.read("user_1").await.unwrap();
        begin(&one, "user_1", &mut view, None, &client)
            .await
            .unwrap()
    });
    tokens.unwrap()
}

fn ids(world: &World, user: &str) -> Vec<String> {
    let (one, user) = (accounts(world), user.to_owned());
    let listed = world.finish(async move { list_sessions(&one, &user).await.unwrap() });
    listed
        .unwrap()
        .into_iter()
        .map(|session| session.id)
        .collect()
}

#[test]
fn create_guest_writes_nothing_and_id_contains_time() {
    let world = World::new(1);
    let guest = guest(&world);
    assert!(world.keys().is_empty());
    let id = guest.account.id.strip_prefix("guest_").unwrap();
    assert_eq!(id, guest.session.id);
    assert_eq!(guest.account.created_at, world.now());
    assert_eq!(guest.session.expires_at, world.now() + 30 * DAY);
    assert_eq!(ids(&world, &guest.account.id), [id]);
    assert!(ids(&world, "guest_x").is_empty());
    assert!(world.keys().is_empty());
}

#[test]
fn refresh_rotates_token_and_keeps_session() {
    let world = World::new(1);
    for registered in [false, true] {
        let first = match registered {
            false => guest(&world),
            true => member(&world, UNKNOWN_CLIENT),
        };
        let mut token = first.refresh_token.clone();
        for _ in 0..40 {
            world.pass(15 * 60_000);
            let renewed = renew(&world, &token).unwrap();
            assert_eq!(renewed.session.id, first.session.id);
            assert_eq!(renewed.session.updated_at, world.now());
            assert_eq!(renewed.account.id, first.account.id);
            assert_eq!(renewed.account.kind, first.account.kind);
            assert_ne!(renewed.refresh_token, token);
            token = renewed.refresh_token;
        }
        world.pass(30 * DAY);
        let refused = renew(&world, &token).map(|_| ());
        assert_eq!(refused, Err(Error::TokenExpired));
    }
}

#[test]
fn refresh_with_used_token_after_leeway_ends_session() {
    let world = World::new(1);
    for first in [guest(&world), member(&world, UNKNOWN_CLIENT)] {
        let second = renew(&world, &first.refresh_token).unwrap();
        world.pass(REFRESH_LEEWAY + 1);
        let reused = renew(&world, &first.refresh_token).map(|_| ());
        assert_eq!(reused, Err(Error::TokenInvalid));
        assert!(is_refused(&world, &first.session.id));
        let newest = renew(&world, &second.refresh_token).map(|_| ());
        assert_eq!(newest, Err(Error::TokenInvalid));
        assert!(ids(&world, &first.account.id).is_empty());
    }
}

#[test]
fn refresh_with_token_two_generations_old_ends_session() {
    let world = World::new(1);
    let first = guest(&world);
    let second = renew(&world, &first.refresh_token).unwrap();
    renew(&world, &second.refresh_token).unwrap();
    let reused = renew(&world, &first.refresh_token).map(|_| ());
    assert_eq!(reused, Err(Error::TokenInvalid));
    assert!(is_refused(&world, &first.session.id));
}

#[test]
fn concurrent_refreshes_within_leeway_succeed() {
    for seed in 0..60 {
        let world = World::new(seed);
        let first = match seed % 2 {
            0 => guest(&world),
            _ => member(&world, UNKNOWN_CLIENT),
        };
        world.set_latency(30);
        let renewed = Rc::new(RefCell::new(Vec::new()));
        for _ in 0..4 {
            let (one, place) = (accounts(&world), Rc::clone(&renewed));
            let token = first.refresh_token.clone();
            let pause = world.random(0..=200);
            world.spawn(async move {
                one.platform().sleep(pause).await;
                let done = refresh(&one, &token, &UNKNOWN_CLIENT).await;
                place.borrow_mut().push(done.unwrap().refresh_token);
            });
        }
        world.run();
        world.set_latency(0);
        assert_eq!(ids(&world, &first.account.id), [first.session.id.as_str()]);
        // The tokens of both responses are valid.
        let mut tokens = renewed.take();
        assert_eq!(tokens.len(), 4);
        world.pass(60_000);
        let kept = tokens.swap_remove(usize::try_from(seed % 4).unwrap());
        assert!(renew(&world, &kept).is_ok(), "seed {seed}");
    }
}

#[test]
fn refresh_with_other_token_is_invalid_and_writes_nothing() {
    let world = World::new(1);
    let guest = guest(&world);
    for token in [
        "",
        "x",
        &guest.access_token,
        &guest.cookie,
        &guest.bearer_token,
    ] {
        let refused = renew(&world, token).map(|_| ());
        assert_eq!(refused, Err(Error::TokenInvalid));
    }
    assert!(world.keys().is_empty());
}

#[test]
fn revoke_session_of_unrecorded_guest_succeeds() {
    for everywhere in [false, true] {
        let world = World::new(1);
        let guest = guest(&world);
        let (one, session) = (accounts(&world), guest.session.id.clone());
        let user = guest.account.id.clone();
        world.finish(async move {
            assert!(get_session(&one, &user, &session).await.is_ok());
            if everywhere {
                assert_eq!(revoke_sessions(&one, &user, Some(&session)).await, Ok(0));
                assert_eq!(revoke_sessions(&one, &user, None).await, Ok(1));
                assert_eq!(revoke_sessions(&one, &user, None).await, Ok(0));
            }
            revoke_session(&one, &user, &session).await.unwrap();
            revoke_session(&one, &user, &session).await.unwrap();
            let gone = get_session(&one, &user, &session).await;
            assert_eq!(gone, Err(Error::NotFound));
        });
        assert!(is_refused(&world, &guest.session.id));
        let refused = renew(&world, &guest.refresh_token).map(|_| ());
        assert_eq!(refused, Err(Error::TokenInvalid));
    }
}

#[test]
fn list_and_revoke_sessions_one_by_one_or_together() {
    let world = World::new(1);
    let client = Client {
        address: Some("192.0.2.7".to_owned()),
        user_agent: Some(format!("Agent\n{}", "x".repeat(1_000))),
    };
    let sessions: Vec<String> = (0..4)
        .map(|_| {
            world.pass(1_000);
            member(&world, client.clone()).session.id
        })
        .collect();
    let newest_first: Vec<String> = sessions.iter().rev().cloned().collect();
    assert_eq!(ids(&world, "user_1"), newest_first);
    let (one, [a, b, c, d]) = (accounts(&world), sessions.try_into().unwrap());
    let ended = [a.clone(), b.clone(), d.clone()];
    let kept = c.clone();
    world.finish(async move {
        let shown = get_session(&one, "user_1", &a).await.unwrap();
        assert_eq!(shown.client.address.as_deref(), Some("192.0.2.7"));
        let agent = shown.client.user_agent.unwrap();
        assert!(agent.starts_with("Agentx") && agent.len() == 256);
        revoke_session(&one, "user_1", &a).await.unwrap();
        revoke_session(&one, "user_1", &a).await.unwrap();
        let others = revoke_session(&one, "user_2", &b).await;
        assert_eq!(others, Err(Error::NotFound));
        let unknown = revoke_session(&one, "user_1", "x").await;
        assert_eq!(unknown, Err(Error::NotFound));
        assert_eq!(revoke_sessions(&one, "user_1", Some(&c)).await, Ok(2));
    });
    assert_eq!(ids(&world, "user_1"), [kept.as_str()]);
    assert!(ended.iter().all(|session| is_refused(&world, session)));
    assert!(!is_refused(&world, &kept));
}

#[test]
fn list_sessions_includes_cookie_renewals() {
    let world = World::new(1);
    let first = member(&world, UNKNOWN_CLIENT);
    let other = member(&world, UNKNOWN_CLIENT);
    world.pass(20 * DAY);
    let renewed = records::last_used_to_bytes(world.now());
    let key = records::renewed_session(&first.session.id);
    world.put(&key, Some(renewed));
    let renewed_at = world.now();
    world.pass(15 * DAY);
    assert_eq!(ids(&world, "user_1"), [first.session.id.as_str()]);
    let (one, id, over) = (
        accounts(&world),
        first.session.id.clone(),
        other.session.id.clone(),
    );
    world.finish(async move {
        let shown = get_session(&one, "user_1", &id).await.unwrap();
        assert_eq!(shown.updated_at, renewed_at);
        assert_eq!(shown.expires_at, renewed_at + 30 * DAY);
        let gone = get_session(&one, "user_1", &over).await;
        assert_eq!(gone, Err(Error::NotFound));
        // An expired session can be revoked too.
        assert_eq!(revoke_sessions(&one, "user_1", None).await, Ok(2));
    });
    assert!(is_refused(&world, &other.session.id));
    world.pass(31 * DAY);
    member(&world, UNKNOWN_CLIENT);
    assert!(world.value(&key).is_none());
}

#[test]
fn revoke_session_killed_at_any_step_is_completed_by_reader() {
    for operation in 0..8 {
        let world = World::new(1);
        let tokens = member(&world, UNKNOWN_CLIENT);
        let session = tokens.session.id.clone();
        let mortal = accounts_of(world.client().with_fault(operation, Fault::DieAfter));
        let id = session.clone();
        world.finish(async move { revoke_session(&mortal, "user_1", &id).await });
        world.pass(20_000);
        // The next reader completes it, or nothing happened.
        let listed = ids(&world, "user_1");
        assert_eq!(
            listed.is_empty(),
            is_refused(&world, &session),
            "{operation}"
        );
        let (one, id) = (accounts(&world), session.clone());
        world.finish(async move { revoke_session(&one, "user_1", &id).await.unwrap() });
        assert!(is_refused(&world, &session));
    }
}

#[test]
fn revocation_marker_is_deleted_after_all_tokens_expired() {
    let world = World::new(1);
    let first = member(&world, UNKNOWN_CLIENT);
    let one = accounts(&world);
    let ended = first.session.id.clone();
    world.finish(async move { revoke_session(&one, "user_1", &ended).await.unwrap() });
    for _ in 0..30 {
        world.pass(DAY);
        member(&world, UNKNOWN_CLIENT);
        assert!(is_refused(&world, &first.session.id));
    }
    world.pass(DAY);
    member(&world, UNKNOWN_CLIENT);
    member(&world, UNKNOWN_CLIENT);
    assert!(!is_refused(&world, &first.session.id));
}

#[test]
fn sign_in_with_outdated_hash_rehashes_password() {
    let world = World::new(1);
    let one = accounts(&world);
    world.finish(async move {
        user(&one, "user_1", "ada@example.com", None).await;
        let mut view = one.read("user_1").await.unwrap();
        let old =
            "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$uCo+B9TyfNmf3BHfYyYGe0zCqYFUlo5n8sVMQgaeT1A";
        let event = Event::PasswordSet {
            password: crate::account::Password {
                id: "p".to_owned(),
                hash: old.to_owned(),
            },
            replaces: None,
            sessions_to_end: SessionsToEnd::None,
            confirms_email: false,
            at: one.now(),
        };
        one.append("user_1", &mut view, &event).await.unwrap();
        let wrong = sign_in(&one, "ada@example.com", "wrong", &UNKNOWN_CLIENT).await;
        assert_eq!(wrong.map(|_| ()), Err(Error::WrongCredentials));
        let hash = outdated("correct horse");
        let event = Event::PasswordRehashed {
            password: crate::account::Password {
                id: "p".to_owned(),
                hash,
            },
        };
        one.append("user_1", &mut view, &event).await.unwrap();
        for _ in 0..2 {
            let tokens = sign_in(&one, "ada@example.com", "correct horse", &UNKNOWN_CLIENT).await;
            assert!(tokens.is_ok());
            let state = one.read("user_1").await.unwrap().state;
            let stored = state.profile.unwrap().password.unwrap();
            assert!(stored.hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
            assert_eq!(stored.id, "p");
        }
    });
}

/// A hash with outdated parameters.
fn outdated(password: &str) -> String {
    use argon2::password_hash::CustomizedPasswordHasher;
    let params = argon2::Params::new(64, 1, 1, None).unwrap();
    let hash: argon2::password_hash::phc::PasswordHash = argon2::Argon2::default()
        .hash_password_with_params(password.as_bytes(), &[7; 16], params)
        .unwrap();
    hash.to_string()
}

/// The state without pending effects, read with and without snapshots.
fn states(world: &World) -> [Account; 2] {
    let read = || {
        let one = accounts(world);
        let state = world.finish(async move { one.read("user_1").await.unwrap().state });
        let mut state = state.unwrap();
        state.effects = Default::default();
        state
    };
    let with = read();
    world.put("identity:u:user_1:s", None);
    [with, read()]
}

#[test]
fn all_readers_agree_after_writer_faults() {
    for seed in 0..150 {
        let world = World::new(seed);
        let first = member(&world, UNKNOWN_CLIENT);
        world.set_latency(40);
        let begun = Rc::new(RefCell::new(vec![first.session.id.clone()]));
        for process in 0..4 {
            let at = world.random(0..=25);
            let fault = match process {
                0 => Fault::DieAfter,
                1 => Fault::Stall(world.random(1_500..=7_000)),
                2 => Fault::FailAfter,
                _ => Fault::Stall(100),
            };
            let one = accounts_of(world.client().with_fault(at, fault));
            let token = first.refresh_token.clone();
            let id = first.session.id.clone();
            let begun = Rc::clone(&begun);
            let choices: Vec<u64> = (0..4).map(|_| world.random(0..=4)).collect();
            world.spawn(async move {
                for choice in choices {
                    let mut view = match one.read("user_1").await {
                        Ok(view) => view,
                        Err(_) => continue,
                    };
                    // A failed operation may have happened or not.
                    match choice {
                        0 | 1 => {
                            let began =
                                begin(&one, "user_1", &mut view, None, &UNKNOWN_CLIENT).await;
                            let id = began.map(|tokens| tokens.session.id);
                            begun.borrow_mut().extend(id);
                        }
                        2 => drop(refresh(&one, &token, &UNKNOWN_CLIENT).await),
                        3 => drop(revoke_sessions(&one, "user_1", Some(&id)).await),
                        _ => drop(revoke_session(&one, "user_1", &id).await),
                    }
                }
            });
        }
        world.run();
        world.set_latency(0);
        world.pass(20_000);
        let [with, without] = states(&world);
        for id in begun.take() {
            let lives = with.session(&id).is_some();
            assert_eq!(lives, !is_refused(&world, &id), "seed {seed}: {id}");
        }
        assert_eq!(with, without, "seed {seed}");
    }
}
