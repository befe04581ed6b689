use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use journal::Clock;
use journal::testing::{Client as Process, Fault, World};

use super::*;
use crate::linking::{link, unlink};
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

async fn come_back(
    accounts: &Accounts<Process>,
    profile: Profile,
) -> Result<(SessionTokens, bool), LinkError> {
    let sealed = flows::seal(accounts, &flow(&profile.provider)).unwrap();
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
    let sealed = flows::seal(accounts, &flow).unwrap();
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
fn somebody_new_gets_an_account_and_comes_back_to_it() {
    let world = World::new(1);
    run(&world, async |one| {
        let first = profile("github", "1", "Ada@example.com");
        let (tokens, made) = come_back(&one, first.clone()).await.unwrap();
        assert!(made);
        let account = tokens.account;
        assert!(account.id.starts_with("user_"));
        assert_eq!(account.email.as_deref(), Some("Ada@example.com"));
        assert!(account.email_verified && !account.has_password);
        assert_eq!(account.name.as_deref(), Some("Ada"));
        assert_eq!(account.image, None);
        assert_eq!(providers(&account), ["github"]);
        // Whatever the provider says of the address later.
        let moved = Profile {
            email: None,
            email_verified: false,
            ..first
        };
        let (again, made) = come_back(&one, moved).await.unwrap();
        assert!(!made);
        assert_eq!(again.account.id, account.id);
        assert_ne!(again.session.id, tokens.session.id);
    });
}

#[test]
fn a_flow_is_good_once_and_for_ten_minutes_and_for_its_provider() {
    let world = World::new(1);
    run(&world, async |one| {
        let ada = profile("github", "1", "ada@example.com");
        let sealed = flows::seal(&one, &flow("github")).unwrap();
        let sign_in = |profile: Profile| sign_in_with_profile(&one, profile, &sealed, &CLIENT);
        let other = profile("google", "1", "ada@example.com");
        let invalid = Err(LinkError::Other(Error::TokenInvalid));
        assert_eq!(sign_in(other).await.map(drop), invalid);
        assert!(sign_in(ada.clone()).await.is_ok());
        assert_eq!(
            sign_in(ada.clone()).await.map(drop),
            Err(LinkError::Replayed)
        );

        let sealed = flows::seal(&one, &flow("github")).unwrap();
        let opened = flows::open(&one, &sealed).unwrap();
        assert_eq!(opened.data, flow("github"));
        one.platform().sleep(10 * 60 * 1000).await;
        let late = sign_in_with_profile(&one, ada.clone(), &sealed, &CLIENT).await;
        assert_eq!(late.map(drop), Err(LinkError::Other(Error::TokenExpired)));
        let mut forged = flows::seal(&one, &flow("github")).unwrap();
        forged.pop();
        let forged = sign_in_with_profile(&one, ada, &forged, &CLIENT).await;
        assert_eq!(forged.map(drop), invalid);
    });
}

#[test]
fn a_flow_that_fits_no_cookie_is_refused() {
    let world = World::new(1);
    run(&world, async |one| {
        let long = Flow {
            callback_url: format!("http://localhost/{}", "x".repeat(4000)),
            ..flow("github")
        };
        assert!(matches!(flows::seal(&one, &long), Err(Error::Invalid(_))));
        assert!(matches!(
            flows::seal(&one, &flow("a:b")),
            Err(Error::Invalid(_))
        ));
        let nobody = Flow {
            link_to: Some("no/user".to_owned()),
            ..flow("github")
        };
        assert_eq!(flows::seal(&one, &nobody), Err(Error::NotFound));
    });
}

#[test]
fn accounts_are_linked_by_addresses_that_both_sides_vouch_for() {
    let world = World::new(1);
    run(&world, async |one| {
        user(&one, "user_ada", "ada@example.com", None).await;
        make_account(&one, "user_bob", "bob@example.com", false, None).await;

        let unverified = Profile {
            email_verified: false,
            ..profile("github", "1", "ada@example.com")
        };
        let refused = come_back(&one, unverified).await;
        assert_eq!(refused.map(drop), Err(LinkError::AccountNotLinked));
        let squatted = come_back(&one, profile("github", "2", "bob@example.com")).await;
        assert_eq!(squatted.map(drop), Err(LinkError::AccountNotLinked));
        let nameless = Profile {
            email: None,
            ..profile("github", "3", "")
        };
        let refused = come_back(&one, nameless).await;
        assert_eq!(refused.map(drop), Err(LinkError::EmailMissing));

        let found = come_back(&one, profile("github", "1", "ADA@example.com")).await;
        let (tokens, made) = found.unwrap();
        assert_eq!((tokens.account.id.as_str(), made), ("user_ada", false));
        assert_eq!(providers(&tokens.account), ["github"]);
        // The account has a GitHub identity; another one with the same address is not it.
        let second = come_back(&one, profile("github", "9", "ada@example.com")).await;
        assert!(matches!(second, Err(LinkError::Other(Error::TooMany(_)))));
    });
}

#[test]
fn an_address_that_nobody_vouches_for_makes_an_unconfirmed_account_or_none() {
    let world = World::new(1);
    run(&world, async |one| {
        let unverified = Profile {
            email_verified: false,
            ..profile("github", "1", "ada@example.com")
        };
        let (tokens, made) = come_back(&one, unverified.clone()).await.unwrap();
        assert!(made && !tokens.account.email_verified);
        let other = come_back(&one, profile("google", "1", "ada@example.com")).await;
        assert_eq!(other.map(drop), Err(LinkError::AccountNotLinked));
        // Until the provider vouches for it.
        let elsewhere = profile("github", "1", "other@example.com");
        let (tokens, _) = come_back(&one, elsewhere).await.unwrap();
        assert!(!tokens.account.email_verified);
        let vouched = profile("github", "1", "Ada@example.com");
        let (tokens, _) = come_back(&one, vouched).await.unwrap();
        assert!(tokens.account.email_verified);
        let other = come_back(&one, profile("google", "1", "ada@example.com")).await;
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
        let first = come_back(&one, unverified.clone()).await;
        assert_eq!(first.map(drop), refused);
        // Also where there is an account from before that was required.
        one.verification_required = false;
        assert!(come_back(&one, unverified.clone()).await.is_ok());
        one.verification_required = true;
        let again = come_back(&one, unverified).await;
        assert_eq!(again.map(drop), refused);
        assert!(
            come_back(&one, profile("github", "1", "ada@example.com"))
                .await
                .is_ok()
        );
    });
}

#[test]
fn a_guest_becomes_the_account_and_its_session_ends() {
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
        let sealed = flows::seal(&one, &begun("github")).unwrap();
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

        // Who was the guest is somebody now, and somebody else does not become them.
        let sealed = flows::seal(&one, &begun("google")).unwrap();
        let bob = profile("google", "2", "bob@example.com");
        let (tokens, made) = sign_in_with_profile(&one, bob, &sealed, &CLIENT)
            .await
            .unwrap();
        assert!(made);
        assert!(tokens.account.id.starts_with("user_"));
    });
}

#[test]
fn an_account_links_and_unlinks_what_is_nobody_elses() {
    let world = World::new(1);
    run(&world, async |one| {
        let (ada, _) = come_back(&one, profile("github", "1", "ada@example.com"))
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
        let nobody = link_to(&one, "guest_x", profile("google", "h", "x@example.com")).await;
        assert_eq!(nobody, Err(LinkError::Other(Error::NotFound)));
        // A flow that was begun to link does not sign in, and the other way round.
        let to_link = Flow {
            link_to: Some(ada.clone()),
            ..flow("google")
        };
        let sealed = flows::seal(&one, &to_link).unwrap();
        let invalid = LinkError::Other(Error::TokenInvalid);
        let crossed = sign_in_with_profile(&one, google.clone(), &sealed, &CLIENT).await;
        assert_eq!(crossed.map(drop), Err(invalid.clone()));
        let crossed = link(&one, "user_bob", google.clone(), &sealed).await;
        assert_eq!(crossed, Err(invalid.clone()));
        let sealed = flows::seal(&one, &flow("google")).unwrap();
        let crossed = link(&one, &ada, google.clone(), &sealed).await;
        assert_eq!(crossed, Err(invalid));

        let rest = unlink(&one, &ada, "github").await.unwrap();
        assert_eq!(providers(&rest), ["google"]);
        assert_eq!(unlink(&one, &ada, "github").await, Err(Error::NotFound));
        let last = unlink(&one, &ada, "google").await;
        assert!(matches!(last, Err(Error::TooMany(_))));
        // What was let go of is free.
        let freed = link_to(&one, "user_bob", profile("github", "1", "ada@example.com")).await;
        assert_eq!(providers(&freed.unwrap()), ["github"]);
    });
}

/// Several browsers come back with the same new identity at once, some of them dying on the way:
/// whoever gets a session gets it in the same account.
#[test]
fn callbacks_at_once_make_one_account() {
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
            // Two identities with one address: they end up in one account too.
            let provider = if index % 2 == 0 { "github" } else { "google" };
            world.spawn(async move {
                let one = accounts_of(process);
                match come_back(&one, profile(provider, "1", "ada@example.com")).await {
                    Ok((tokens, new)) => {
                        users.borrow_mut().insert(tokens.account.id);
                        *made.borrow_mut() += u32::from(new);
                    }
                    // Someone who died holds the identity or the address for a while.
                    Err(LinkError::Other(Error::Unavailable(_))) => {}
                    Err(error) => panic!("{error:?}"),
                }
            });
        }
        world.run();
        assert!(users.borrow().len() <= 1, "seed {seed}: {users:?}");
        assert!(*made.borrow() <= 1, "seed {seed}");
        world.pass(crate::claims::PATIENCE);
        let later = run(&world, async |one| {
            let github = come_back(&one, profile("github", "1", "ada@example.com")).await;
            let google = come_back(&one, profile("google", "1", "ada@example.com")).await;
            (github.unwrap().0.account, google.unwrap().0.account)
        });
        assert_eq!(later.0.id, later.1.id, "seed {seed}");
        users.borrow_mut().insert(later.0.id);
        assert_eq!(users.borrow().len(), 1, "seed {seed}");
    }
}

/// Two accounts link the same identity at once: one has it.
#[test]
fn of_two_that_link_one_identity_one_has_it() {
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
            come_back(&one, profile("github", "1", "c@example.com"))
                .await
                .unwrap()
                .0
                .account
                .id
        });
        assert_eq!(owner, linked.borrow()[0]);
    }
}

/// One flow comes back twice at once, for somebody new and for somebody known: one session begins.
#[test]
fn a_flow_that_comes_back_twice_at_once_begins_one_session() {
    for seed in 0..100 {
        let world = World::new(seed);
        world.set_latency(30);
        if seed % 2 == 0 {
            run(&world, async |one| {
                come_back(&one, profile("github", "1", "ada@example.com"))
                    .await
                    .map(drop)
                    .unwrap();
            });
        }
        let sealed = flows::seal(&accounts(&world), &flow("github")).unwrap();
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
