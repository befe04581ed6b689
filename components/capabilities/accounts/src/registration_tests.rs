use std::cell::RefCell;
use std::rc::Rc;

use journal::Clock;
use journal::testing::{Client as Process, Fault, World};

use super::*;
use crate::claims::PATIENCE;
use crate::sessions;
use crate::testing::{NOWHERE, accounts, accounts_of, is_refused, strict_accounts};
use crate::types::AccountKind;

const ADDRESS: &str = "Ada@Example.com";
const PASSWORD: &str = "correct horse battery";

fn application(email: &str) -> RegistrationRequest {
    RegistrationRequest {
        email: email.to_owned(),
        password: PASSWORD.to_owned(),
        name: Some("Ada".to_owned()),
        image: None,
    }
}

/// What an application amounts to, without the time that hashing takes.
fn fact(at: u64) -> Registered {
    Registered {
        email: Email {
            address: ADDRESS.to_owned(),
            verified: false,
            claim: Uuid::new_v4().to_string(),
        },
        pending: false,
        password: Some(Password {
            id: Uuid::new_v4().to_string(),
            hash: "hash".to_owned(),
        }),
        identity: None,
        name: None,
        image: None,
        guest: None,
        at,
    }
}

type Outcomes = Rc<RefCell<Vec<Result<RegistrationResult, Error>>>>;

fn start(world: &World, process: Process, pause: u64, outcomes: &Outcomes) {
    let (accounts, outcomes) = (accounts_of(process), Rc::clone(outcomes));
    world.spawn(async move {
        accounts.platform().sleep(pause).await;
        let outcome = apply(&accounts, fact(accounts.now()), None, &NOWHERE).await;
        outcomes.borrow_mut().push(outcome);
    });
}

/// Who has the address.
fn owner(world: &World) -> Option<String> {
    let accounts = accounts(world);
    let found = world.finish(async move {
        let index = Index::email(ADDRESS);
        claims::owner(&accounts, &index).await.unwrap()
    });
    found.unwrap()
}

fn winners(outcomes: &Outcomes) -> Vec<String> {
    let outcomes = outcomes.borrow();
    let accounts = outcomes.iter().filter_map(|outcome| match outcome {
        Ok(RegistrationResult::SignedIn(tokens)) => Some(tokens.account.id.clone()),
        _ => None,
    });
    accounts.collect()
}

#[test]
fn a_registered_account_is_found_by_its_address_in_any_case() {
    let world = World::new(1);
    let one = accounts(&world);
    world.finish(async move {
        let outcome = register(&one, &application(ADDRESS), None, &NOWHERE).await;
        let Ok(RegistrationResult::SignedIn(tokens)) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(tokens.account.kind, AccountKind::Registered);
        assert_eq!(tokens.account.email.as_deref(), Some(ADDRESS));
        let again = application(" ada@example.COM ");
        let again = register(&one, &again, None, &NOWHERE).await;
        assert_eq!(again.map(|_| ()), Err(Error::EmailTaken));
        let found = sessions::sign_in(&one, "ADA@example.com", PASSWORD, &NOWHERE).await;
        assert_eq!(found.unwrap().account.id, tokens.account.id);
        for (email, password) in [
            (ADDRESS, "wrong horse battery"),
            ("bob@example.com", PASSWORD),
            ("", ""),
        ] {
            let refused = sessions::sign_in(&one, email, password, &NOWHERE).await;
            assert_eq!(refused.map(|_| ()), Err(Error::WrongCredentials));
        }
    });
    for text in [PASSWORD, "token"] {
        assert_eq!(world.keys_containing(text), Vec::<String>::new());
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let world = World::new(1);
    let one = accounts(&world);
    let bad = RegistrationRequest {
        email: "ada".to_owned(),
        password: "password".to_owned(),
        name: Some("a\nb".to_owned()),
        image: Some("javascript:alert(1)".to_owned()),
    };
    let refused = world.finish(async move { register(&one, &bad, None, &NOWHERE).await });
    let Some(Err(Error::Invalid(problems))) = refused else {
        panic!("{refused:?}");
    };
    let fields: Vec<&str> = problems
        .iter()
        .map(|problem| problem.field.as_str())
        .collect();
    assert_eq!(fields, ["email", "name", "image", "password"]);
    assert!(world.keys().is_empty());
}

#[test]
fn of_several_at_once_exactly_one_wins() {
    for seed in 0..150 {
        let world = World::new(seed);
        world.set_latency(40);
        let outcomes = Outcomes::default();
        for _ in 0..3 {
            start(&world, world.client(), world.random(0..=120), &outcomes);
        }
        world.run();
        world.set_latency(0);
        let winners = winners(&outcomes);
        assert_eq!(winners.len(), 1, "seed {seed}");
        assert_eq!(owner(&world).as_ref(), winners.first(), "seed {seed}");
    }
}

#[test]
fn a_death_at_any_step_leaves_the_address_usable() {
    let mut steps = 0;
    for operation in 0..60 {
        let world = World::new(1);
        let outcomes = Outcomes::default();
        start(
            &world,
            world.client().with_fault(operation, Fault::DieAfter),
            0,
            &outcomes,
        );
        world.run();
        if !outcomes.borrow().is_empty() {
            break;
        }
        steps += 1;
        let before = owner(&world);
        world.pass(PATIENCE);
        start(&world, world.client(), 0, &outcomes);
        world.run();
        match before {
            Some(before) => {
                assert_eq!(*outcomes.borrow(), [Err(Error::EmailTaken)]);
                assert_eq!(owner(&world), Some(before));
            }
            None => assert_eq!(Some(winners(&outcomes)), owner(&world).map(|id| vec![id])),
        }
    }
    assert!(steps > 8, "{steps}");
}

#[test]
fn a_slow_applicant_never_shares_the_address() {
    for operation in 0..14 {
        for stall in [59_000, 60_500, 90_000] {
            let world = World::new(operation);
            let outcomes = Outcomes::default();
            let slow = world.client().with_fault(operation, Fault::Stall(stall));
            start(&world, slow, 0, &outcomes);
            for pause in [60_100, 60_200, 120_000] {
                start(&world, world.client(), pause, &outcomes);
            }
            world.run();
            let owner = owner(&world);
            let winners = winners(&outcomes);
            // Who was told to have it has it; who was not may have it, as after any failure.
            assert!(winners.len() <= 1, "{operation} {stall}: {winners:?}");
            assert!(owner.is_some());
            assert!(
                winners
                    .first()
                    .is_none_or(|winner| Some(winner) == owner.as_ref())
            );
        }
    }
}

#[test]
fn a_guest_becomes_the_account_and_its_session_ends() {
    let world = World::new(1);
    let one = accounts(&world);
    let (guest, tokens) = world
        .finish(async move {
            let guest = sessions::create_guest(&one, &NOWHERE).unwrap();
            let token = &guest.refresh_token;
            let guest = sessions::refresh(&one, token, &NOWHERE).await.unwrap();
            let ids = Some(GuestSession {
                user: guest.account.id.clone(),
                session: guest.session.id.clone(),
            });
            let outcome = apply(&one, fact(one.now()), ids.clone(), &NOWHERE).await;
            let Ok(RegistrationResult::SignedIn(tokens)) = outcome else {
                panic!("{outcome:?}");
            };
            let refused = sessions::refresh(&one, &guest.refresh_token, &NOWHERE).await;
            assert_eq!(refused.map(|_| ()), Err(Error::TokenInvalid));
            // Once more makes another account.
            let mut other = fact(one.now());
            other.email.address = "bob@example.com".to_owned();
            let Ok(RegistrationResult::SignedIn(other)) = apply(&one, other, ids, &NOWHERE).await
            else {
                panic!("no account");
            };
            assert_ne!(other.account.id, guest.account.id);
            (guest, tokens)
        })
        .unwrap();
    assert_eq!(tokens.account.id, guest.account.id);
    assert_eq!(tokens.account.kind, AccountKind::Registered);
    assert_ne!(tokens.session.id, guest.session.id);
    assert!(is_refused(&world, &guest.session.id));
    assert!(!is_refused(&world, &tokens.session.id));
}

#[test]
fn an_id_that_is_no_guests_is_not_taken_over() {
    let world = World::new(1);
    let one = accounts(&world);
    world.finish(async move {
        let somebody = Some(GuestSession {
            user: "user_1".to_owned(),
            session: "session".to_owned(),
        });
        let outcome = apply(&one, fact(one.now()), somebody, &NOWHERE).await;
        let Ok(RegistrationResult::SignedIn(tokens)) = outcome else {
            panic!("{outcome:?}");
        };
        assert_ne!(tokens.account.id, "user_1");
    });
}

#[test]
fn where_addresses_are_confirmed_nothing_tells_a_taken_one() {
    let world = World::new(1);
    let mut seen = Vec::new();
    for _ in 0..2 {
        let one = strict_accounts(&world);
        let began = world.now();
        let guest = world.finish(async move {
            let guest = sessions::create_guest(&one, &NOWHERE).unwrap();
            let ids = Some(GuestSession {
                user: guest.account.id.clone(),
                session: guest.session.id.clone(),
            });
            let outcome = register(&one, &application(ADDRESS), ids, &NOWHERE)
                .await
                .unwrap();
            let taken = matches!(outcome, RegistrationResult::AlreadyRegistered);
            assert!(taken || matches!(outcome, RegistrationResult::VerificationPending(_)));
            let account = get_account(&one, &guest.account.id).await.map(|_| ());
            let listed = sessions::list_sessions(&one, &guest.account.id)
                .await
                .unwrap();
            let changed = {
                let name = FieldUpdate::Set("B".to_owned());
                update_account(&one, &guest.account.id, &name, &FieldUpdate::Keep).await
            };
            let confirmed = confirm_password(&one, &guest.account.id, PASSWORD).await;
            let tokens = sessions::sign_in(&one, ADDRESS, PASSWORD, &NOWHERE).await;
            let refreshed = sessions::refresh(&one, &guest.refresh_token, &NOWHERE).await;
            let kind = refreshed.map(|refreshed| refreshed.account.kind);
            let told = (account, listed.len(), changed.map(|_| ()), confirmed, kind);
            (taken, told, tokens.map(|_| ()), guest.session.id)
        });
        let (taken, told, tokens, session) = guest.unwrap();
        assert_eq!(taken, !seen.is_empty());
        assert_eq!(tokens, Err(Error::EmailNotVerified));
        seen.push((told, is_refused(&world, &session), world.now() - began));
    }
    assert_eq!(seen[0], seen[1]);
}

#[test]
fn deleting_refuses_everything_and_erases() {
    let world = World::new(1);
    let one = accounts(&world);
    let sessions = world.finish(async move {
        let mut name = fact(one.now());
        name.name = Some("MARKER".to_owned());
        let Ok(RegistrationResult::SignedIn(first)) = apply(&one, name, None, &NOWHERE).await
        else {
            panic!("no account");
        };
        let user = first.account.id.clone();
        let client = Client {
            address: Some("192.0.2.7".to_owned()),
            user_agent: Some("MARKER".to_owned()),
        };
        let mut view = one.read(&user).await.unwrap();
        let second = sessions::begin(&one, &user, &mut view, None, &client)
            .await
            .unwrap();
        delete_account(&one, &user).await.unwrap();
        delete_account(&one, &user).await.unwrap();
        assert_eq!(get_account(&one, &user).await, Err(Error::NotFound));
        for token in [&first.refresh_token, &second.refresh_token] {
            let refused = sessions::refresh(&one, token, &NOWHERE).await;
            assert_eq!(refused.map(|_| ()), Err(Error::TokenInvalid));
        }
        let again = sessions::begin(&one, &user, &mut view, None, &client).await;
        assert_eq!(again.map(|_| ()), Err(Error::WrongCredentials));
        [first.session.id, second.session.id]
    });
    for session in sessions.unwrap() {
        assert!(is_refused(&world, &session));
    }
    for text in ["MARKER", "192.0.2.7", "Example.com", "example.com"] {
        assert_eq!(world.keys_containing(text), Vec::<String>::new(), "{text}");
    }
    let outcomes = Outcomes::default();
    start(&world, world.client(), 0, &outcomes);
    world.run();
    assert_eq!(winners(&outcomes).len(), 1);
}

#[test]
fn deleting_among_sign_ins_leaves_nobody_in() {
    for seed in 0..100 {
        let world = World::new(seed);
        let one = accounts(&world);
        let user = world.finish(async move {
            let outcome = apply(&one, fact(one.now()), None, &NOWHERE).await;
            let Ok(RegistrationResult::SignedIn(tokens)) = outcome else {
                panic!("{outcome:?}");
            };
            tokens.account.id
        });
        let user = user.unwrap();
        world.set_latency(30);
        let begun = Rc::new(RefCell::new(Vec::new()));
        for _ in 0..4 {
            let (one, user, begun) = (accounts(&world), user.clone(), Rc::clone(&begun));
            let pause = world.random(0..=200);
            world.spawn(async move {
                one.platform().sleep(pause).await;
                let mut view = one.read(&user).await.unwrap();
                let client = Client {
                    address: Some("MARKER".to_owned()),
                    user_agent: None,
                };
                if let Ok(tokens) = sessions::begin(&one, &user, &mut view, None, &client).await {
                    begun.borrow_mut().push(tokens.session.id);
                }
            });
        }
        let (one, gone) = (accounts(&world), user.clone());
        let pause = world.random(0..=200);
        world.spawn(async move {
            one.platform().sleep(pause).await;
            delete_account(&one, &gone).await.unwrap();
        });
        world.run();
        world.set_latency(0);
        for session in begun.take() {
            assert!(is_refused(&world, &session), "seed {seed}");
        }
        // A snapshot that was on its way is replaced by the next one who looks.
        world.pass(20_000);
        let one = accounts(&world);
        world.finish(async move { delete_account(&one, &user).await.unwrap() });
        for text in ["MARKER", "xample.com"] {
            assert_eq!(
                world.keys_containing(text),
                Vec::<String>::new(),
                "seed {seed}"
            );
        }
        assert_eq!(owner(&world), None);
    }
}

#[test]
fn a_deletion_killed_anywhere_is_completed_by_another() {
    let mut steps = 0;
    for operation in 0..60 {
        let world = World::new(1);
        let one = accounts(&world);
        let tokens = world.finish(async move {
            let outcome = apply(&one, fact(one.now()), None, &NOWHERE).await;
            let Ok(RegistrationResult::SignedIn(tokens)) = outcome else {
                panic!("{outcome:?}");
            };
            tokens
        });
        let tokens = tokens.unwrap();
        let user = tokens.account.id.clone();
        let mortal = accounts_of(world.client().with_fault(operation, Fault::DieAfter));
        let gone = user.clone();
        let done = world.finish(async move { delete_account(&mortal, &gone).await });
        if done.is_some() {
            break;
        }
        steps += 1;
        world.pass(20_000);
        let one = accounts(&world);
        world.finish(async move { delete_account(&one, &user).await.unwrap() });
        assert!(is_refused(&world, &tokens.session.id), "{operation}");
        let left = world.keys_containing("xample.com");
        assert_eq!(left, Vec::<String>::new(), "{operation}");
        let outcomes = Outcomes::default();
        start(&world, world.client(), 0, &outcomes);
        world.run();
        assert_eq!(winners(&outcomes).len(), 1, "{operation}");
    }
    assert!(steps > 5, "{steps}");
}

#[test]
fn an_outside_users_id_stays_good() {
    let world = World::new(1);
    let one = accounts(&world);
    world.finish(async move {
        delete_account(&one, "workos_user_1").await.unwrap();
        let view = one.read("workos_user_1").await.unwrap();
        assert!(!view.state.dead);
    });
}

#[test]
fn fields_are_set_kept_and_cleared() {
    let world = World::new(1);
    let one = accounts(&world);
    world.finish(async move {
        let Ok(RegistrationResult::SignedIn(ada)) =
            apply(&one, fact(one.now()), None, &NOWHERE).await
        else {
            panic!("no account");
        };
        let user = ada.account.id;
        let set = |text: &str| FieldUpdate::Set(text.to_owned());
        let picture = "https://example.com/a.png";
        for (name, image, expected) in [
            (set(" Ada "), set(picture), (Some("Ada"), Some(picture))),
            (
                FieldUpdate::Keep,
                FieldUpdate::Keep,
                (Some("Ada"), Some(picture)),
            ),
            (FieldUpdate::Keep, FieldUpdate::Clear, (Some("Ada"), None)),
            (set(" "), set(picture), (None, Some(picture))),
            (set("Countess"), set(""), (Some("Countess"), None)),
            (FieldUpdate::Clear, FieldUpdate::Clear, (None, None)),
        ] {
            let account = update_account(&one, &user, &name, &image).await.unwrap();
            let found = (account.name.as_deref(), account.image.as_deref());
            assert_eq!(found, expected);
            assert_eq!(get_account(&one, &user).await, Ok(account));
        }
        let refused = update_account(&one, &user, &set("a\nb"), &set("javascript:x")).await;
        assert!(matches!(refused, Err(Error::Invalid(problems)) if problems.len() == 2));
    });
}
