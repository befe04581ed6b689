use std::cell::RefCell;
use std::rc::Rc;

use journal::testing::{Client as Process, World};

use super::*;
use crate::bindings::exports::goldfish::accounts::registration::{
    RegistrationRequest, RegistrationResult,
};
use crate::testing::{UNKNOWN_CLIENT, accounts, accounts_requiring_verification, is_refused, user};
use crate::{registration, sessions};

const ADDRESS: &str = "ada@example.com";
const OLD: &str = "correct horse battery";
const NEW: &str = "umbrella tractor mosaic";

async fn register(accounts: &Accounts<Process>) -> RegistrationResult {
    let request = RegistrationRequest {
        email: ADDRESS.to_owned(),
        password: OLD.to_owned(),
        name: None,
        image: None,
    };
    let outcome = registration::register(accounts, &request, None, &UNKNOWN_CLIENT).await;
    outcome.unwrap()
}

async fn member(accounts: &Accounts<Process>) -> SessionTokens {
    match register(accounts).await {
        RegistrationResult::SignedIn(tokens) => tokens,
        other => panic!("{other:?}"),
    }
}

async fn sign_in(accounts: &Accounts<Process>, password: &str) -> Result<SessionTokens, Error> {
    sessions::sign_in(accounts, ADDRESS, password, &UNKNOWN_CLIENT).await
}

async fn token(accounts: &Accounts<Process>) -> String {
    let email_token = request_reset(accounts, " ADA@example.com ").await.unwrap();
    email_token.unwrap().token
}

#[test]
fn change_password_requires_current_password() {
    let world = World::new(1);
    let one = accounts(&world);
    let (first, other) = world
        .finish(async move {
            let first = member(&one).await;
            let other = sign_in(&one, OLD).await.unwrap();
            let id = first.account.id.clone();
            let change = async |current: &str, new: &str, sessions_to_end| {
                change_password(&one, &id, current, new, sessions_to_end)
                    .await
                    .map(|_| ())
            };
            assert_eq!(
                change("wrong", NEW, SessionsToEnd::All).await,
                Err(Error::WrongCredentials)
            );
            let weak = change(OLD, "password1", SessionsToEnd::All).await;
            assert!(matches!(weak, Err(Error::Invalid(_))), "{weak:?}");
            let kept = SessionsToEnd::AllExcept(first.session.id.clone());
            assert_eq!(change(OLD, NEW, kept).await, Ok(()));
            let refused = sign_in(&one, OLD).await.map(|_| ());
            assert_eq!(refused, Err(Error::WrongCredentials));
            assert!(sign_in(&one, NEW).await.is_ok());
            (first, other)
        })
        .unwrap();
    assert!(!is_refused(&world, &first.session.id));
    assert!(is_refused(&world, &other.session.id));
}

#[test]
fn reset_password_uses_up_all_reset_tokens() {
    let world = World::new(1);
    let one = accounts(&world);
    let session = world.finish(async move {
        let session = member(&one).await.session.id;
        let (first, second) = (token(&one).await, token(&one).await);
        assert_eq!(check_reset(&one, &first).await, Ok(()));
        let weak = reset_password(&one, &first, "12345678").await;
        assert!(matches!(weak, Err(Error::Invalid(_))));
        let account = reset_password(&one, &first, NEW).await.unwrap();
        assert!(account.email_verified);
        for spent in [&first, &second] {
            assert_eq!(check_reset(&one, spent).await, Err(Error::TokenInvalid));
            let again = reset_password(&one, spent, OLD).await;
            assert_eq!(again, Err(Error::TokenInvalid));
        }
        assert!(sign_in(&one, NEW).await.is_ok());
        assert!(sign_in(&one, OLD).await.is_err());
        session
    });
    assert!(is_refused(&world, &session.unwrap()));
}

#[test]
fn reset_token_after_password_change_expiry_or_deletion_is_invalid() {
    let world = World::new(1);
    let one = accounts(&world);
    let late = world.finish(async move {
        let id = member(&one).await.account.id;
        let before = token(&one).await;
        change_password(&one, &id, OLD, NEW, SessionsToEnd::None)
            .await
            .unwrap();
        assert_eq!(check_reset(&one, &before).await, Err(Error::TokenInvalid));
        for forged in ["", "x.y.z"] {
            assert_eq!(check_reset(&one, forged).await, Err(Error::TokenInvalid));
        }
        let email_token = request_verification(&one, ADDRESS).await.unwrap().unwrap();
        assert_eq!(
            check_reset(&one, &email_token.token).await,
            Err(Error::TokenInvalid)
        );
        assert_eq!(request_reset(&one, "bob@example.com").await, Ok(None));
        assert_eq!(request_reset(&one, "nonsense").await, Ok(None));
        (id, token(&one).await)
    });
    let (id, late) = late.unwrap();
    let (one, token) = (accounts(&world), late.clone());
    world.finish(async move {
        assert_eq!(check_reset(&one, &token).await, Ok(()));
        registration::delete_account(&one, &id).await.unwrap();
        assert_eq!(check_reset(&one, &token).await, Err(Error::TokenInvalid));
    });
    world.pass(60 * 60 * 1000);
    let one = accounts(&world);
    world.finish(async move {
        assert_eq!(check_reset(&one, &late).await, Err(Error::TokenExpired));
    });
}

#[test]
fn concurrent_resets_with_one_token_succeed_once() {
    for seed in 0..12 {
        let world = World::new(seed);
        let one = accounts(&world);
        let token = world.finish(async move {
            member(&one).await;
            token(&one).await
        });
        let token = token.unwrap();
        world.set_latency(30);
        let done = Rc::new(RefCell::new(Vec::new()));
        for password in ["umbrella tractor mosaic", "pepper window cloud seven"] {
            let (one, token, done) = (accounts(&world), token.clone(), Rc::clone(&done));
            world.spawn(async move {
                if reset_password(&one, &token, password).await.is_ok() {
                    done.borrow_mut().push(password);
                }
            });
        }
        world.run();
        let done = done.take();
        assert_eq!(done.len(), 1, "seed {seed}");
        let one = accounts(&world);
        let tokens = world.finish(async move { sign_in(&one, done[0]).await.is_ok() });
        assert_eq!(tokens, Some(true));
    }
}

#[test]
fn reset_of_unconfirmed_account_revokes_sessions_keys_and_identities() {
    let world = World::new(1);
    let one = accounts(&world);
    world.finish(async move {
        let id = member(&one).await.account.id;
        let mut view = one.read(&id).await.unwrap();
        let claim = new_uuid();
        let identity = crate::account::Identity {
            provider: "github".to_owned(),
            subject: "somebody else".to_owned(),
            claim: claim.clone(),
        };
        let index = UniqueName::identity("github", "somebody else");
        claims::acquire(&one, &index, &id, &claim).await.unwrap();
        let event = Event::IdentityLinked {
            identity,
            at: one.now(),
        };
        one.append(&id, &mut view, &event).await.unwrap();
        assert_eq!(claims::owner(&one, &index).await, Ok(Some(id.clone())));
        let reset = token(&one).await;
        let account = reset_password(&one, &reset, NEW).await.unwrap();
        assert!(account.identities.is_empty());
        assert_eq!(claims::owner(&one, &index).await, Ok(None));
    });
}

#[test]
fn reset_password_without_password_sets_one() {
    let world = World::new(1);
    let one = accounts(&world);
    world.finish(async move {
        user(&one, "user_1", ADDRESS, None).await;
        assert!(sign_in(&one, OLD).await.is_err());
        let (first, second) = (token(&one).await, token(&one).await);
        assert!(
            reset_password(&one, &first, NEW)
                .await
                .unwrap()
                .has_password
        );
        assert_eq!(check_reset(&one, &second).await, Err(Error::TokenInvalid));
        assert!(sign_in(&one, NEW).await.is_ok());
    });
}

#[test]
fn verify_email_of_pending_account_signs_in_once() {
    let world = World::new(1);
    let one = accounts_requiring_verification(&world);
    world.finish(async move {
        assert!(matches!(
            register(&one).await,
            RegistrationResult::VerificationPending(_)
        ));
        let early = sign_in(&one, OLD).await.map(|_| ());
        assert_eq!(early, Err(Error::EmailNotVerified));
        let email_token = request_verification(&one, ADDRESS).await.unwrap().unwrap();
        assert_eq!(email_token.to, ADDRESS);
        let reset = token(&one).await;
        let forged = verify_email(&one, &reset, &UNKNOWN_CLIENT)
            .await
            .map(|_| ());
        assert_eq!(forged, Err(Error::TokenInvalid));
        let (account, tokens) = verify_email(&one, &email_token.token, &UNKNOWN_CLIENT)
            .await
            .unwrap();
        assert!(account.email_verified);
        assert_eq!(tokens.unwrap().account, account);
        let (again, tokens) = verify_email(&one, &email_token.token, &UNKNOWN_CLIENT)
            .await
            .unwrap();
        assert_eq!(again, account);
        assert!(tokens.is_none());
        assert!(sign_in(&one, OLD).await.is_ok());
        assert_eq!(request_verification(&one, ADDRESS).await, Ok(None));
    });
}

#[test]
fn verify_email_of_active_account_does_not_sign_in() {
    let world = World::new(1);
    let one = accounts(&world);
    world.finish(async move {
        member(&one).await;
        let email_token = request_verification(&one, ADDRESS).await.unwrap().unwrap();
        let (account, tokens) = verify_email(&one, &email_token.token, &UNKNOWN_CLIENT)
            .await
            .unwrap();
        assert!(account.email_verified && tokens.is_none());
    });
}

#[test]
fn pending_registration_keeps_guest_until_verified() {
    let world = World::new(1);
    let one = accounts_requiring_verification(&world);
    let guest = sessions::create_guest(&one, &UNKNOWN_CLIENT).unwrap();
    let (id, session) = (guest.account.id.clone(), guest.session.id.clone());
    let began = session.clone();
    let tokens = world.finish(async move {
        let request = RegistrationRequest {
            email: ADDRESS.to_owned(),
            password: OLD.to_owned(),
            name: None,
            image: None,
        };
        let ids = Some(crate::types::GuestSession {
            user: id.clone(),
            session: began,
        });
        let outcome = registration::register(&one, &request, ids, &UNKNOWN_CLIENT).await;
        assert!(matches!(
            outcome,
            Ok(RegistrationResult::VerificationPending(_))
        ));
        let renewed = sessions::refresh(&one, &guest.refresh_token, &UNKNOWN_CLIENT)
            .await
            .unwrap();
        assert_eq!(renewed.account.kind, crate::types::AccountKind::Guest);
        let email_token = request_verification(&one, ADDRESS).await.unwrap().unwrap();
        let (account, tokens) = verify_email(&one, &email_token.token, &UNKNOWN_CLIENT)
            .await
            .unwrap();
        assert_eq!(account.id, id);
        let refused = sessions::refresh(&one, &renewed.refresh_token, &UNKNOWN_CLIENT).await;
        assert_eq!(refused.map(|_| ()), Err(Error::TokenInvalid));
        tokens.unwrap()
    });
    assert!(is_refused(&world, &session));
    assert!(!is_refused(&world, &tokens.unwrap().session.id));
}

const OTHER: &str = "Lovelace@example.com";

fn address(account: &Account) -> (Option<&str>, bool) {
    (account.email.as_deref(), account.email_verified)
}

#[test]
fn change_email_frees_the_old_address_and_takes_the_new_one() {
    let world = World::new(1);
    let one = accounts(&world);
    let outcome = world.finish(async move {
        let user = member(&one).await.account.id;
        let changed = change_email(&one, &user, OTHER).await.unwrap();
        assert_eq!(address(&changed), (Some(OTHER), false));
        let old = sign_in(&one, OLD).await.map(|_| ());
        assert_eq!(old, Err(Error::WrongCredentials));
        let new = sessions::sign_in(&one, "lovelace@example.com", OLD, &UNKNOWN_CLIENT).await;
        assert_eq!(new.unwrap().account.id, user);
        // Another user gets the old address. Nobody can get the address of another user.
        let other = member(&one).await.account.id;
        assert_eq!(
            change_email(&one, &user, ADDRESS).await,
            Err(Error::EmailTaken)
        );
        assert_eq!(
            request_email_change(&one, &other, OTHER).await.map(drop),
            Err(Error::EmailTaken)
        );
        for invalid in ["nobody", "LOVELACE@example.com"] {
            let refused = change_email(&one, &user, invalid).await;
            assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
        }
    });
    assert_eq!(outcome, Some(()));
}

#[test]
fn verify_email_with_a_token_for_a_new_address_changes_it_once() {
    let world = World::new(1);
    let one = accounts_requiring_verification(&world);
    let outcome = world.finish(async move {
        user(&one, "user_1", ADDRESS, None).await;
        let email_token = request_email_change(&one, "user_1", OTHER).await.unwrap();
        assert_eq!(email_token.to, OTHER);
        let before = registration::get_account(&one, "user_1").await.unwrap();
        assert_eq!(address(&before), (Some(ADDRESS), true));
        let second = request_email_change(&one, "user_1", "third@example.com").await;
        let verify = async |token: &str| verify_email(&one, token, &UNKNOWN_CLIENT).await;
        let (changed, tokens) = verify(&email_token.token).await.unwrap();
        assert_eq!(address(&changed), (Some(OTHER), true));
        assert!(tokens.is_none());
        // Again: nothing happens. A token that was made for the old address is void.
        assert!(verify(&email_token.token).await.is_ok());
        let void = verify(&second.unwrap().token).await.map(drop);
        assert_eq!(void, Err(Error::TokenInvalid));
        let direct = change_email(&one, "user_1", "third@example.com").await;
        assert!(matches!(direct, Err(Error::Misconfigured(_))), "{direct:?}");
    });
    assert_eq!(outcome, Some(()));
}

#[test]
fn a_reset_token_for_the_old_address_is_void_after_a_change() {
    let world = World::new(1);
    let one = accounts(&world);
    let outcome = world.finish(async move {
        let user = member(&one).await.account.id;
        let reset = token(&one).await;
        assert_eq!(check_reset(&one, &reset).await, Ok(()));
        change_email(&one, &user, OTHER).await.unwrap();
        assert_eq!(check_reset(&one, &reset).await, Err(Error::TokenInvalid));
        let refused = reset_password(&one, &reset, NEW).await;
        assert_eq!(refused, Err(Error::TokenInvalid));
    });
    assert_eq!(outcome, Some(()));
}
