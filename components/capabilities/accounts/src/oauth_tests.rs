use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use journal::Clock;
use journal::testing::{Client as Process, Fault, World};

use super::*;
use crate::oauth_linking::{link, unlink};
use crate::testing::{accounts, accounts_of, register as make_account, user};
use crate::types;

const GUEST_SESSION: &str = "018f3b9e-0000-7000-8000-000000000001";

fn profile(provider: &str, subject: &str, email: &str) -> Profile {
    Profile {
        provider: provider.to_owned(),
        subject: subject.to_owned(),
        email: Some(email.to_owned()),
        email_verified: true,
        name: Some(" Ada\u{7} ".to_owned()),
        image: Some("javascript:alert(1)".to_owned()),
    }
}

const CLIENT: Client = Client {
    address: None,
    user_agent: None,
};

fn flow(provider: &str) -> Flow {
    Flow {
        provider: provider.to_owned(),
        state: "state".to_owned(),
        code_verifier: "v".repeat(43),
        callback_url: "http://localhost:3000/".to_owned(),
        error_url: None,
        new_user_url: None,
        link_to: None,
        guest: None,
    }
}

async fn sign_in(
    accounts: &Accounts<Process>,
    profile: Profile,
) -> Result<(SessionTokens, bool), LinkError> {
    let sealed = oauth_flow::seal(accounts, &flow(&profile.provider)).unwrap();
    sign_in_with_profile(accounts, profile, &sealed, &CLIENT).await
}

async fn link_to(
    accounts: &Accounts<Process>,
    id: &str,
    profile: Profile,
) -> Result<types::Account, LinkError> {
    let flow = Flow {
        link_to: Some(id.to_owned()),
        ..flow(&profile.provider)
    };
    let sealed = oauth_flow::seal(accounts, &flow).unwrap();
    link(accounts, id, profile, &sealed).await
}

fn providers(account: &types::Account) -> Vec<&str> {
    let identities = account.identities.iter();
    identities
        .map(|identity| identity.provider.as_str())
        .collect()
}

fn run<T: 'static>(world: &World, task: impl AsyncFnOnce(Accounts<Process>) -> T + 'static) -> T {
    let one = accounts(world);
    world.finish(async move { task(one).await }).unwrap()
}

#[test]
fn sign_in_with_unknown_profile_creates_account_once() {
    let world = World::new(1);
    run(&world, async |one| {
        let first = profile("github", "1", "Ada@example.com");
        let (tokens, made) = sign_in(&one, first.clone()).await.unwrap();
        assert!(made);
        let account = tokens.account;
        assert!(account.id.starts_with("user_"));
        assert_eq!(account.email.as_deref(), Some("Ada@example.com"));
        assert!(account.email_verified && !account.has_password);
        assert_eq!(account.name.as_deref(), Some("Ada"));
        assert_eq!(account.image, None);
        assert_eq!(providers(&account), ["github"]);
        // The provider's address may change later.
        let moved = Profile {
            email: None,
            email_verified: false,
            ..first
        };
        let (again, made) = sign_in(&one, moved).await.unwrap();
        assert!(!made);
        assert_eq!(again.account.id, account.id);
        assert_ne!(again.session.id, tokens.session.id);
    });
}

#[test]
fn sign_in_with_used_expired_or_foreign_flow_fails() {
    let world = World::new(1);
    run(&world, async |one| {
        let ada = profile("github", "1", "ada@example.com");
        let sealed = oauth_flow::seal(&one, &flow("github")).unwrap();
        let sign_in = |profile: Profile| sign_in_with_profile(&one, profile, &sealed, &CLIENT);
        let other = profile("google", "1", "ada@example.com");
        let invalid = Err(LinkError::Other(Error::TokenInvalid));
        assert_eq!(sign_in(other).await.map(drop), invalid);
        assert!(sign_in(ada.clone()).await.is_ok());
        assert_eq!(
            sign_in(ada.clone()).await.map(drop),
            Err(LinkError::Replayed)
        );

        let sealed = oauth_flow::seal(&one, &flow("github")).unwrap();
        let opened = oauth_flow::open(&one, &sealed).unwrap();
        assert_eq!(opened.data, flow("github"));
        one.platform().sleep(10 * 60 * 1000).await;
        let late = sign_in_with_profile(&one, ada.clone(), &sealed, &CLIENT).await;
        assert_eq!(late.map(drop), Err(LinkError::Other(Error::TokenExpired)));
        let mut forged = oauth_flow::seal(&one, &flow("github")).unwrap();
        forged.pop();
        let forged = sign_in_with_profile(&one, ada, &forged, &CLIENT).await;
        assert_eq!(forged.map(drop), invalid);
    });
}

#[test]
fn seal_of_too_large_flow_is_invalid() {
    let world = World::new(1);
    run(&world, async |one| {
        let long = Flow {
            callback_url: format!("http://localhost/{}", "x".repeat(4000)),
            ..flow("github")
        };
        assert!(matches!(
            oauth_flow::seal(&one, &long),
            Err(Error::Invalid(_))
        ));
        assert!(matches!(
            oauth_flow::seal(&one, &flow("a:b")),
            Err(Error::Invalid(_))
        ));
        let invalid_user = Flow {
            link_to: Some("no/user".to_owned()),
            ..flow("github")
        };
        assert_eq!(oauth_flow::seal(&one, &invalid_user), Err(Error::NotFound));
    });
}

#[test]
fn sign_in_with_address_verified_on_both_sides_links_identity() {
    let world = World::new(1);
    run(&world, async |one| {
        user(&one, "user_ada", "ada@example.com", None).await;
        make_account(&one, "user_bob", "bob@example.com", false, None).await;

        let unverified = Profile {
            email_verified: false,
            ..profile("github", "1", "ada@example.com")
        };
        let refused = sign_in(&one, unverified).await;
        assert_eq!(refused.map(drop), Err(LinkError::AccountNotLinked));
        let squatted = sign_in(&one, profile("github", "2", "bob@example.com")).await;
        assert_eq!(squatted.map(drop), Err(LinkError::AccountNotLinked));
        let nameless = Profile {
            email: None,
            ..profile("github", "3", "")
        };
        let refused = sign_in(&one, nameless).await;
        assert_eq!(refused.map(drop), Err(LinkError::EmailMissing));

        let result = sign_in(&one, profile("github", "1", "ADA@example.com")).await;
        let (tokens, made) = result.unwrap();
        assert_eq!((tokens.account.id.as_str(), made), ("user_ada", false));
        assert_eq!(providers(&tokens.account), ["github"]);
        // Another GitHub identity with the same address does not replace the linked one.
        let second = sign_in(&one, profile("github", "9", "ada@example.com")).await;
        assert!(matches!(second, Err(LinkError::Other(Error::TooMany(_)))));
    });
}

#[test]
fn sign_in_with_unverified_address_creates_unconfirmed_account_or_fails() {
    let world = World::new(1);
    run(&world, async |one| {
        let unverified = Profile {
            email_verified: false,
            ..profile("github", "1", "ada@example.com")
        };
        let (tokens, made) = sign_in(&one, unverified.clone()).await.unwrap();
        assert!(made && !tokens.account.email_verified);
        let other = sign_in(&one, profile("google", "1", "ada@example.com")).await;
        assert_eq!(other.map(drop), Err(LinkError::AccountNotLinked));
        // Until the provider verifies it.
        let elsewhere = profile("github", "1", "other@example.com");
        let (tokens, _) = sign_in(&one, elsewhere).await.unwrap();
        assert!(!tokens.account.email_verified);
        let vouched = profile("github", "1", "Ada@example.com");
        let (tokens, _) = sign_in(&one, vouched).await.unwrap();
        assert!(tokens.account.email_verified);
        let other = sign_in(&one, profile("google", "1", "ada@example.com")).await;
        assert!(other.is_ok_and(|(_, made)| !made));
    });
    let world = World::new(1);
    run(&world, async |mut one| {
        one.verification_required = true;
        let unverified = Profile {
            email_verified: false,
            ..profile("github", "1", "ada@example.com")
        };
        let refused = Err(LinkError::Other(Error::EmailNotVerified));
        let first = sign_in(&one, unverified.clone()).await;
        assert_eq!(first.map(drop), refused);
        // Also for an account created before confirmation was required.
        one.verification_required = false;
        assert!(sign_in(&one, unverified.clone()).await.is_ok());
        one.verification_required = true;
        let again = sign_in(&one, unverified).await;
        assert_eq!(again.map(drop), refused);
        assert!(
            sign_in(&one, profile("github", "1", "ada@example.com"))
                .await
                .is_ok()
        );
    });
}

#[test]
fn sign_in_by_guest_converts_guest_and_ends_its_session() {
    let world = World::new(1);
    run(&world, async |one| {
        let guest = format!("guest_{GUEST_SESSION}");
        let begun = |provider: &str| Flow {
            guest: Some(Guest {
                user: guest.clone(),
                session: GUEST_SESSION.to_owned(),
            }),
            ..flow(provider)
        };
        let sealed = oauth_flow::seal(&one, &begun("github")).unwrap();
        let ada = profile("github", "1", "ada@example.com");
        let (tokens, made) = sign_in_with_profile(&one, ada, &sealed, &CLIENT)
            .await
            .unwrap();
        assert!(made);
        assert_eq!(tokens.account.id, guest);
        assert_ne!(tokens.session.id, GUEST_SESSION);
        let marker = credentials::records::revoked_session(GUEST_SESSION);
        use journal::Store;
        assert!(one.platform().get(&marker).await.unwrap().is_some());

        // The guest is an account now, so another profile cannot convert it.
        let sealed = oauth_flow::seal(&one, &begun("google")).unwrap();
        let bob = profile("google", "2", "bob@example.com");
        let (tokens, made) = sign_in_with_profile(&one, bob, &sealed, &CLIENT)
            .await
            .unwrap();
        assert!(made);
        assert!(tokens.account.id.starts_with("user_"));
    });
}

#[test]
fn link_and_unlink_of_free_identity_succeed() {
    let world = World::new(1);
    run(&world, async |one| {
        let (ada, _) = sign_in(&one, profile("github", "1", "ada@example.com"))
            .await
            .unwrap();
        let ada = ada.account.id;
        user(&one, "user_bob", "bob@example.com", None).await;

        let google = profile("google", "g", "other@example.com");
        let linked = link_to(&one, &ada, google.clone()).await.unwrap();
        assert_eq!(providers(&linked), ["github", "google"]);
        assert!(link_to(&one, &ada, google.clone()).await.is_ok());
        let taken = link_to(&one, "user_bob", google.clone()).await;
        assert_eq!(taken, Err(LinkError::LinkedElsewhere));
        let unknown_user = link_to(&one, "guest_x", profile("google", "h", "x@example.com")).await;
        assert_eq!(unknown_user, Err(LinkError::Other(Error::NotFound)));
        // A flow for linking does not sign in, and vice versa.
        let to_link = Flow {
            link_to: Some(ada.clone()),
            ..flow("google")
        };
        let sealed = oauth_flow::seal(&one, &to_link).unwrap();
        let invalid = LinkError::Other(Error::TokenInvalid);
        let crossed = sign_in_with_profile(&one, google.clone(), &sealed, &CLIENT).await;
        assert_eq!(crossed.map(drop), Err(invalid.clone()));
        let crossed = link(&one, "user_bob", google.clone(), &sealed).await;
        assert_eq!(crossed, Err(invalid.clone()));
        let sealed = oauth_flow::seal(&one, &flow("google")).unwrap();
        let crossed = link(&one, &ada, google.clone(), &sealed).await;
        assert_eq!(crossed, Err(invalid));

        let rest = unlink(&one, &ada, "github").await.unwrap();
        assert_eq!(providers(&rest), ["google"]);
        assert_eq!(unlink(&one, &ada, "github").await, Err(Error::NotFound));
        let last = unlink(&one, &ada, "google").await;
        assert!(matches!(last, Err(Error::TooMany(_))));
        // An unlinked identity can be linked again.
        let freed = link_to(&one, "user_bob", profile("github", "1", "ada@example.com")).await;
        assert_eq!(providers(&freed.unwrap()), ["github"]);
    });
}

/// Several sign-ins with the same new identity run concurrently, and some are killed. All that succeed
/// are in the same account.
#[test]
fn concurrent_sign_ins_of_new_identity_create_one_account() {
    for seed in 0..150 {
        let world = World::new(seed);
        world.set_latency(seed % 60);
        let users = Rc::new(RefCell::new(BTreeSet::new()));
        let made = Rc::new(RefCell::new(0));
        for index in 0..4_u64 {
            let process = match (seed + index) % 5 {
                0 => world.client().with_fault(seed % 23, Fault::DieBefore),
                1 => world.client().with_fault(seed % 17, Fault::Stall(900)),
                _ => world.client(),
            };
            let (users, made) = (Rc::clone(&users), Rc::clone(&made));
            // Two identities with one address end in one account.
            let provider = if index % 2 == 0 { "github" } else { "google" };
            world.spawn(async move {
                let one = accounts_of(process);
                match sign_in(&one, profile(provider, "1", "ada@example.com")).await {
                    Ok((tokens, new)) => {
                        users.borrow_mut().insert(tokens.account.id);
                        *made.borrow_mut() += u32::from(new);
                    }
                    // The claim of a killed writer is respected for a while.
                    Err(LinkError::Other(Error::Unavailable(_))) => {}
                    Err(error) => panic!("{error:?}"),
                }
            });
        }
        world.run();
        assert!(users.borrow().len() <= 1, "seed {seed}: {users:?}");
        assert!(*made.borrow() <= 1, "seed {seed}");
        world.pass(journal::unique::PATIENCE);
        let later = run(&world, async |one| {
            let github = sign_in(&one, profile("github", "1", "ada@example.com")).await;
            let google = sign_in(&one, profile("google", "1", "ada@example.com")).await;
            (github.unwrap().0.account, google.unwrap().0.account)
        });
        assert_eq!(later.0.id, later.1.id, "seed {seed}");
        users.borrow_mut().insert(later.0.id);
        assert_eq!(users.borrow().len(), 1, "seed {seed}");
    }
}

/// Two accounts link the same identity concurrently. One succeeds.
#[test]
fn concurrent_links_of_one_identity_succeed_once() {
    for seed in 0..100 {
        let world = World::new(seed);
        world.set_latency(30);
        run(&world, async |one| {
            user(&one, "user_a", "a@example.com", None).await;
            user(&one, "user_b", "b@example.com", None).await;
        });
        let linked = Rc::new(RefCell::new(Vec::new()));
        for id in ["user_a", "user_b"] {
            let (one, linked) = (accounts(&world), Rc::clone(&linked));
            world.spawn(async move {
                match link_to(&one, id, profile("github", "1", "c@example.com")).await {
                    Ok(_) => linked.borrow_mut().push(id),
                    Err(error) => assert_eq!(error, LinkError::LinkedElsewhere, "seed {seed}"),
                }
            });
        }
        world.run();
        assert_eq!(linked.borrow().len(), 1, "seed {seed}");
        let owner = run(&world, async |one| {
            sign_in(&one, profile("github", "1", "c@example.com"))
                .await
                .unwrap()
                .0
                .account
                .id
        });
        assert_eq!(owner, linked.borrow()[0]);
    }
}

/// The callback of one flow arrives twice at once, for a new user and for an existing one. One session begins.
#[test]
fn concurrent_sign_ins_with_one_flow_begin_one_session() {
    for seed in 0..100 {
        let world = World::new(seed);
        world.set_latency(30);
        if seed % 2 == 0 {
            run(&world, async |one| {
                sign_in(&one, profile("github", "1", "ada@example.com"))
                    .await
                    .map(drop)
                    .unwrap();
            });
        }
        let sealed = oauth_flow::seal(&accounts(&world), &flow("github")).unwrap();
        let begun = Rc::new(RefCell::new(0));
        for _ in 0..3 {
            let (one, begun, sealed) = (accounts(&world), Rc::clone(&begun), sealed.clone());
            world.spawn(async move {
                let ada = profile("github", "1", "ada@example.com");
                match sign_in_with_profile(&one, ada, &sealed, &CLIENT).await {
                    Ok(_) => *begun.borrow_mut() += 1,
                    Err(error) => assert_eq!(error, LinkError::Replayed, "seed {seed}"),
                }
            });
        }
        world.run();
        assert_eq!(*begun.borrow(), 1, "seed {seed}");
    }
}
