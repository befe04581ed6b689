use std::cell::RefCell;
use std::rc::Rc;

use journal::Clock;
use journal::testing::{Client as Process, Fault, World};

use super::*;
use crate::sessions;
use crate::testing::{
    UNKNOWN_CLIENT, accounts, accounts_of, accounts_requiring_verification, is_refused,
};
use crate::types::AccountKind;
use journal::unique::PATIENCE;

const ADDRESS: &str = "Ada@Example.com";
const PASSWORD: &str = "correct horse battery";

fn request(email: &str) -> RegistrationRequest {
    RegistrationRequest {
        email: email.to_owned(),
        password: PASSWORD.to_owned(),
        name: Some("Ada".to_owned()),
        image: None,
    }
}

/// The event of a registration, without the time to hash a password.
fn event(at: u64) -> Registered {
    Registered {
        email: Email {
            address: ADDRESS.to_owned(),
            verified: false,
            claim: new_uuid(),
        },
        pending: false,
        password: Some(Password {
            id: new_uuid(),
            hash: "hash".to_owned(),
        }),
        identity: None,
        name: None,
        image: None,
        guest: None,
        at,
    }
}

type Results = Rc<RefCell<Vec<Result<RegistrationResult, Error>>>>;

fn start(world: &World, process: Process, pause: u64, results: &Results) {
    let (accounts, results) = (accounts_of(process), Rc::clone(results));
    world.spawn(async move {
        accounts.platform().sleep(pause).await;
        let result = apply(&accounts, event(accounts.now()), None, &UNKNOWN_CLIENT).await;
        results.borrow_mut().push(result);
    });
}

/// The owner of the address.
fn owner(world: &World) -> Option<String> {
    let accounts = accounts(world);
    let owner = world.finish(async move {
        let index = UniqueName::email(ADDRESS);
        claims::owner(&accounts, &index).await.unwrap()
    });
    owner.unwrap()
}

fn winners(results: &Results) -> Vec<String> {
    let results = results.borrow();
    let accounts = results.iter().filter_map(|result| match result {
        Ok(RegistrationResult::SignedIn(tokens)) => Some(tokens.account.id.clone()),
        _ => None,
    });
    accounts.collect()
}

#[test]
fn register_makes_account_findable_by_address_in_any_case() {
    let world = World::new(1);
    let one = accounts(&world);
    world.finish(async move {
        let result = register(&one, &request(ADDRESS), None, &UNKNOWN_CLIENT).await;
        let Ok(RegistrationResult::SignedIn(tokens)) = result else {
            panic!("{result:?}");
        };
        assert_eq!(tokens.account.kind, AccountKind::Registered);
        assert_eq!(tokens.account.email.as_deref(), Some(ADDRESS));
        let again = request(" ada@example.COM ");
        let again = register(&one, &again, None, &UNKNOWN_CLIENT).await;
        assert_eq!(again.map(|_| ()), Err(Error::EmailTaken));
        let signed_in = sessions::sign_in(&one, "ADA@example.com", PASSWORD, &UNKNOWN_CLIENT).await;
        assert_eq!(signed_in.unwrap().account.id, tokens.account.id);
        for (email, password) in [
            (ADDRESS, "wrong horse battery"),
            ("bob@example.com", PASSWORD),
            ("", ""),
        ] {
            let refused = sessions::sign_in(&one, email, password, &UNKNOWN_CLIENT).await;
            assert_eq!(refused.map(|_| ()), Err(Error::WrongCredentials));
        }
    });
    for text in [PASSWORD, "token"] {
        assert_eq!(world.keys_containing(text), Vec::<String>::new());
    }
}

#[test]
fn register_with_invalid_fields_returns_all_errors() {
    let world = World::new(1);
    let one = accounts(&world);
    let bad = RegistrationRequest {
        email: "ada".to_owned(),
        password: "password".to_owned(),
        name: Some("a\nb".to_owned()),
        image: Some("javascript:alert(1)".to_owned()),
    };
    let refused = world.finish(async move { register(&one, &bad, None, &UNKNOWN_CLIENT).await });
    let Some(Err(Error::Invalid(errors))) = refused else {
        panic!("{refused:?}");
    };
    let fields: Vec<&str> = errors
        .iter()
        .map(|problem| problem.field.as_str())
        .collect();
    assert_eq!(fields, ["email", "name", "image", "password"]);
    assert!(world.keys().is_empty());
}

#[test]
fn concurrent_registrations_of_one_address_succeed_once() {
    for seed in 0..150 {
        let world = World::new(seed);
        world.set_latency(40);
        let results = Results::default();
        for _ in 0..3 {
            start(&world, world.client(), world.random(0..=120), &results);
        }
        world.run();
        world.set_latency(0);
        let winners = winners(&results);
        assert_eq!(winners.len(), 1, "seed {seed}");
        assert_eq!(owner(&world).as_ref(), winners.first(), "seed {seed}");
    }
}

#[test]
fn register_killed_at_any_step_leaves_address_available() {
    let mut steps = 0;
    for operation in 0..60 {
        let world = World::new(1);
        let results = Results::default();
        start(
            &world,
            world.client().with_fault(operation, Fault::DieAfter),
            0,
            &results,
        );
        world.run();
        if !results.borrow().is_empty() {
            break;
        }
        steps += 1;
        let before = owner(&world);
        world.pass(PATIENCE);
        start(&world, world.client(), 0, &results);
        world.run();
        match before {
            Some(before) => {
                assert_eq!(*results.borrow(), [Err(Error::EmailTaken)]);
                assert_eq!(owner(&world), Some(before));
            }
            None => assert_eq!(Some(winners(&results)), owner(&world).map(|id| vec![id])),
        }
    }
    assert!(steps > 8, "{steps}");
}

#[test]
fn slow_registration_never_shares_the_address() {
    for operation in 0..14 {
        for stall in [59_000, 60_500, 90_000] {
            let world = World::new(operation);
            let results = Results::default();
            let slow = world.client().with_fault(operation, Fault::Stall(stall));
            start(&world, slow, 0, &results);
            for pause in [60_100, 60_200, 120_000] {
                start(&world, world.client(), pause, &results);
            }
            world.run();
            let owner = owner(&world);
            let winners = winners(&results);
            // The winner has the address. A failed request may have it, as after any failure.
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
fn register_by_guest_converts_guest_and_ends_its_session() {
    let world = World::new(1);
    let one = accounts(&world);
    let (guest, tokens) = world
        .finish(async move {
            let guest = sessions::create_guest(&one, &UNKNOWN_CLIENT).unwrap();
            let token = &guest.refresh_token;
            let guest = sessions::refresh(&one, token, &UNKNOWN_CLIENT)
                .await
                .unwrap();
            let ids = Some(GuestSession {
                user: guest.account.id.clone(),
                session: guest.session.id.clone(),
            });
            let result = apply(&one, event(one.now()), ids.clone(), &UNKNOWN_CLIENT).await;
            let Ok(RegistrationResult::SignedIn(tokens)) = result else {
                panic!("{result:?}");
            };
            let refused = sessions::refresh(&one, &guest.refresh_token, &UNKNOWN_CLIENT).await;
            assert_eq!(refused.map(|_| ()), Err(Error::TokenInvalid));
            // Another registration creates another account.
            let mut other = event(one.now());
            other.email.address = "bob@example.com".to_owned();
            let Ok(RegistrationResult::SignedIn(other)) =
                apply(&one, other, ids, &UNKNOWN_CLIENT).await
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
fn register_with_id_of_no_guest_creates_new_user() {
    let world = World::new(1);
    let one = accounts(&world);
    world.finish(async move {
        let registered_user = Some(GuestSession {
            user: "user_1".to_owned(),
            session: "session".to_owned(),
        });
        let result = apply(&one, event(one.now()), registered_user, &UNKNOWN_CLIENT).await;
        let Ok(RegistrationResult::SignedIn(tokens)) = result else {
            panic!("{result:?}");
        };
        assert_ne!(tokens.account.id, "user_1");
    });
}

#[test]
fn register_with_required_verification_hides_taken_address() {
    let world = World::new(1);
    let mut seen = Vec::new();
    for _ in 0..2 {
        let one = accounts_requiring_verification(&world);
        let began = world.now();
        let guest = world.finish(async move {
            let guest = sessions::create_guest(&one, &UNKNOWN_CLIENT).unwrap();
            let ids = Some(GuestSession {
                user: guest.account.id.clone(),
                session: guest.session.id.clone(),
            });
            let result = register(&one, &request(ADDRESS), ids, &UNKNOWN_CLIENT)
                .await
                .unwrap();
            let taken = matches!(result, RegistrationResult::AlreadyRegistered);
            assert!(taken || matches!(result, RegistrationResult::VerificationPending(_)));
            let account = get_account(&one, &guest.account.id).await.map(|_| ());
            let listed = sessions::list_sessions(&one, &guest.account.id)
                .await
                .unwrap();
            let changed = {
                let name = FieldUpdate::Set("B".to_owned());
                update_account(&one, &guest.account.id, &name, &FieldUpdate::Keep).await
            };
            let confirmed = confirm_password(&one, &guest.account.id, PASSWORD).await;
            let tokens = sessions::sign_in(&one, ADDRESS, PASSWORD, &UNKNOWN_CLIENT).await;
            let refreshed = sessions::refresh(&one, &guest.refresh_token, &UNKNOWN_CLIENT).await;
            let kind = refreshed.map(|refreshed| refreshed.account.kind);
            let observed = (account, listed.len(), changed.map(|_| ()), confirmed, kind);
            (taken, observed, tokens.map(|_| ()), guest.session.id)
        });
        let (taken, observed, tokens, session) = guest.unwrap();
        assert_eq!(taken, !seen.is_empty());
        assert_eq!(tokens, Err(Error::EmailNotVerified));
        seen.push((observed, is_refused(&world, &session), world.now() - began));
    }
    assert_eq!(seen[0], seen[1]);
}

#[test]
fn delete_account_revokes_everything_and_erases_data() {
    let world = World::new(1);
    let one = accounts(&world);
    let sessions = world.finish(async move {
        let mut name = event(one.now());
        name.name = Some("MARKER".to_owned());
        let Ok(RegistrationResult::SignedIn(first)) =
            apply(&one, name, None, &UNKNOWN_CLIENT).await
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
            let refused = sessions::refresh(&one, token, &UNKNOWN_CLIENT).await;
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
    let results = Results::default();
    start(&world, world.client(), 0, &results);
    world.run();
    assert_eq!(winners(&results).len(), 1);
}

#[test]
fn delete_account_concurrent_with_sign_ins_ends_all_sessions() {
    for seed in 0..100 {
        let world = World::new(seed);
        let one = accounts(&world);
        let user = world.finish(async move {
            let result = apply(&one, event(one.now()), None, &UNKNOWN_CLIENT).await;
            let Ok(RegistrationResult::SignedIn(tokens)) = result else {
                panic!("{result:?}");
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
        // The next reader replaces a snapshot that was being written.
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
fn delete_account_killed_at_any_step_is_completed_by_repeating() {
    let mut steps = 0;
    for operation in 0..60 {
        let world = World::new(1);
        let one = accounts(&world);
        let tokens = world.finish(async move {
            let result = apply(&one, event(one.now()), None, &UNKNOWN_CLIENT).await;
            let Ok(RegistrationResult::SignedIn(tokens)) = result else {
                panic!("{result:?}");
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
        let results = Results::default();
        start(&world, world.client(), 0, &results);
        world.run();
        assert_eq!(winners(&results).len(), 1, "{operation}");
    }
    assert!(steps > 5, "{steps}");
}

#[test]
fn delete_account_of_external_user_keeps_id_usable() {
    let world = World::new(1);
    let one = accounts(&world);
    world.finish(async move {
        delete_account(&one, "workos_user_1").await.unwrap();
        let view = one.read("workos_user_1").await.unwrap();
        assert!(!view.state.deleted);
    });
}

#[test]
fn update_account_sets_keeps_and_clears_fields() {
    let world = World::new(1);
    let one = accounts(&world);
    world.finish(async move {
        let Ok(RegistrationResult::SignedIn(ada)) =
            apply(&one, event(one.now()), None, &UNKNOWN_CLIENT).await
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
            let actual = (account.name.as_deref(), account.image.as_deref());
            assert_eq!(actual, expected);
            assert_eq!(get_account(&one, &user).await, Ok(account));
        }
        let refused = update_account(&one, &user, &set("a\nb"), &set("javascript:x")).await;
        assert!(matches!(refused, Err(Error::Invalid(errors)) if errors.len() == 2));
    });
}
