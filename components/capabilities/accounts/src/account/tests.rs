//! The fold as such: pure, and the same from any snapshot.

use journal::Fold;
use proptest::prelude::*;

use super::chores::Chores;
use super::sessions::SESSIONS_MAX;
use super::*;

fn session(id: u8, created: u64) -> Session {
    Session {
        id: format!("s{id}"),
        created,
        renewed: created,
        generation: 0,
        address: None,
        user_agent: None,
    }
}

fn password(id: u8) -> Password {
    Password {
        id: format!("p{id}"),
        hash: format!("hash {id}"),
    }
}

fn identity(id: u8) -> Identity {
    Identity {
        provider: format!("provider{}", id % 2),
        subject: format!("subject{id}"),
        claim: format!("ic{id}"),
    }
}

fn key(id: u8, created: u64) -> Key {
    Key {
        id: format!("k{id}"),
        hash: format!("kh{id}"),
        name: "key".to_owned(),
        prefix: "gf_".to_owned(),
        scopes: Vec::new(),
        created,
        expires: None,
        chat_per_minute: None,
        request_budget: None,
        token_budget: None,
        revoked: None,
    }
}

fn registered(id: u8, pending: bool, guest: bool, at: u64) -> Registered {
    Registered {
        email: Email {
            address: format!("Ada{id}@example.com"),
            verified: false,
            claim: format!("c{id}"),
        },
        pending,
        password: (id < 3).then(|| password(id)),
        identity: (id == 3).then(|| identity(0)),
        name: None,
        image: None,
        guest: guest.then(|| "guest".to_owned()),
        at,
    }
}

fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        Just(Ending::None),
        Just(Ending::All),
        (0_u8..6).prop_map(|id| Ending::AllBut(format!("s{id}"))),
    ]
}

fn fact() -> impl Strategy<Value = Fact> {
    let at = 1_000_u64..40_000;
    let guest = || prop::option::of(Just("guest".to_owned()));
    prop_oneof![
        4 => (0_u8..4, any::<bool>(), any::<bool>(), at.clone())
            .prop_map(|(id, pending, guest, at)| Fact::Registered(registered(id, pending, guest, at))),
        2 => (0_u8..4, prop::option::of(0_u8..6), at.clone()).prop_map(|(id, id2, at)| Fact::EmailVerified {
            email: format!("ada{id}@example.com"),
            session: id2.map(|id| session(id, at)),
            at,
        }),
        2 => (0_u8..4, prop::option::of(0_u8..4), ending(), any::<bool>(), at.clone()).prop_map(
            |(id, replacing, ending, verifies, at)| Fact::PasswordSet {
                password: password(id),
                replacing: replacing.map(|id| format!("p{id}")),
                ending,
                verifies,
                at,
            }
        ),
        6 => (0_u8..6, prop::option::of(0_u8..4), at.clone()).prop_map(|(id, with, at)| Fact::SessionStarted {
            session: session(id, at),
            password: with.map(|id| format!("p{id}")),
        }),
        6 => (0_u8..6, 0_u64..3, at.clone()).prop_map(|(id, generation, at)| Fact::Refreshed {
            session: format!("s{id}"),
            generation,
            begins: None,
            at,
        }),
        2 => (0_u64..2, at.clone()).prop_map(|(generation, at)| Fact::Refreshed {
            session: "guest".to_owned(),
            generation,
            begins: Some(Session { id: "guest".to_owned(), ..session(0, 1_000) }),
            at,
        }),
        2 => (0_u8..6, at.clone()).prop_map(|(id, at)| Fact::SessionEnded {
            session: format!("s{id}"),
            at,
        }),
        1 => (prop::option::of("[a-c]"), any::<bool>(), at.clone()).prop_map(|(name, clears, at)| Fact::Updated {
            clears_image: name.is_some(),
            name,
            image: None,
            clears_name: clears,
            at,
        }),
        1 => (ending(), guest(), at.clone()).prop_map(|(ending, guest, at)| Fact::SessionsEnded {
            ending,
            guest,
            at,
        }),
        2 => (0_u8..4, at.clone()).prop_map(|(id, at)| Fact::KeyCreated(key(id, at))),
        1 => (0_u8..4, at.clone()).prop_map(|(id, at)| Fact::KeyRevoked { key: format!("k{id}"), at }),
        2 => (0_u8..4, at.clone()).prop_map(|(id, at)| Fact::IdentityLinked { identity: identity(id), at }),
        1 => (0_u8..2, at.clone()).prop_map(|(id, at)| Fact::IdentityUnlinked {
            provider: format!("provider{id}"),
            at,
        }),
        1 => (0_u8..2, 0_u8..9, at.clone()).prop_map(|(flow, attempt, at)| Fact::FlowCompleted {
            flow: format!("f{flow}"),
            attempt: format!("a{attempt}"),
            at,
        }),
        1 => (0_u8..4).prop_map(|id| Fact::Barred { claim: format!("c{id}") }),
        1 => (any::<bool>(), guest(), at).prop_map(|(dead, guest, at)| Fact::Deleted { dead, guest, at }),
        1 => Just(Fact::Erased),
    ]
}

fn facts() -> impl Strategy<Value = Vec<Fact>> {
    prop::collection::vec(fact(), 0..60)
}

fn fold<'a>(mut state: Account, facts: impl IntoIterator<Item = (u64, &'a Fact)>) -> Account {
    for (number, fact) in facts {
        state.apply(number, fact.clone());
    }
    state
}

fn numbered(facts: &[Fact]) -> impl Iterator<Item = (u64, &Fact)> {
    (1_u64..).zip(facts)
}

/// The state as a snapshot has it after all chores were done.
fn tidied(mut state: Account) -> Account {
    let mut markers = std::mem::take(&mut state.chores.markers);
    for marker in &mut markers {
        marker.written = true;
    }
    state.chores = Chores {
        markers,
        ..Chores::default()
    };
    state
}

/// What readers must agree on: everything but what has been done already.
fn decided(mut state: Account) -> Account {
    state.chores = Chores::default();
    state
}

proptest! {
    #[test]
    fn any_snapshot_leads_to_the_same_state(facts in facts(), cut in 0_usize..60) {
        let whole = fold(Account::default(), numbered(&facts));
        let before = fold(Account::default(), numbered(&facts).take(cut));
        let stored = serde_json::to_vec(&before).unwrap();
        let read: Account = serde_json::from_slice(&stored).unwrap();
        prop_assert_eq!(fold(read, numbered(&facts).skip(cut)), whole);
    }

    #[test]
    fn chores_that_were_done_decide_nothing(facts in facts(), cuts in prop::collection::vec(0_usize..60, 0..4)) {
        let whole = fold(Account::default(), numbered(&facts));
        let mut state = Account::default();
        for (at, (number, fact)) in numbered(&facts).enumerate() {
            if cuts.contains(&at) {
                state = tidied(state);
            }
            state.apply(number, fact.clone());
        }
        prop_assert_eq!(decided(state), decided(whole));
    }

    #[test]
    fn a_fact_that_comes_again_changes_nothing(facts in facts(), which in 0_usize..60) {
        let whole = fold(Account::default(), numbered(&facts));
        let mut twice = facts.clone();
        if let Some(fact) = facts.get(which) {
            twice.insert(which, fact.clone());
        }
        let again = fold(Account::default(), numbered(&twice));
        prop_assert_eq!(decided(again), decided(whole));
    }

    #[test]
    fn what_has_ended_never_comes_back(facts in facts()) {
        let mut state = Account::default();
        let mut dead = false;
        for (number, fact) in numbered(&facts) {
            state.apply(number, fact.clone());
            for session in &state.sessions {
                prop_assert!(!state.chores.is_marked(&session.id), "{}", session.id);
            }
            prop_assert!(state.dead || !dead);
            dead = state.dead;
            let nothing = state.sessions.is_empty() && state.profile.is_none() && state.keys.is_empty();
            prop_assert!(!dead || nothing);
            let way_in = |profile: &Profile| profile.password.is_some() || !state.identities.is_empty();
            prop_assert!(state.profile.as_ref().is_none_or(way_in));
        }
    }

    #[test]
    fn every_session_that_is_gone_is_refused(facts in facts()) {
        let mut state = Account::default();
        for (number, fact) in numbered(&facts) {
            let before = state.sessions.clone();
            state.apply(number, fact.clone());
            for session in before {
                let lives = state.session(&session.id).is_some();
                prop_assert!(lives || state.chores.is_marked(&session.id));
            }
        }
    }
}

#[test]
fn of_too_many_sessions_the_one_renewed_longest_ago_ends() {
    let mut state = Account::default();
    let most = u64::try_from(SESSIONS_MAX).unwrap();
    state.apply(1, Fact::Registered(registered(0, false, false, 1)));
    for number in 0..most {
        let session = Session {
            id: format!("x{number}"),
            ..session(0, 10 + number)
        };
        let password = None;
        state.apply(2 + number, Fact::SessionStarted { session, password });
    }
    let renewed = Fact::Refreshed {
        session: "x0".to_owned(),
        generation: 0,
        begins: None,
        at: 5_000,
    };
    state.apply(500, renewed);
    let session = session(1, 6_000);
    let password = None;
    state.apply(501, Fact::SessionStarted { session, password });
    assert_eq!(state.sessions.len(), SESSIONS_MAX);
    assert!(state.session("x0").is_some());
    assert!(state.session("x1").is_none());
    assert!(state.chores.is_marked("x1"));
}

/// As it was written before fields could be cleared.
#[test]
fn an_update_that_clears_nothing_is_written_as_it_always_was() {
    let stored = r#"{"updated":{"name":"Ada","image":null,"at":7}}"#;
    let fact: Fact = serde_json::from_str(stored).unwrap();
    let expected = Fact::Updated {
        name: Some("Ada".to_owned()),
        image: None,
        clears_name: false,
        clears_image: false,
        at: 7,
    };
    assert_eq!(fact, expected);
    assert_eq!(serde_json::to_string(&fact).unwrap(), stored);
}
