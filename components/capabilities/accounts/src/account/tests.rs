//! The aggregate's state is the same from any snapshot.

use journal::Fold;
use proptest::prelude::*;

use super::pending_effects::PendingEffects;
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

fn sessions_to_end() -> impl Strategy<Value = SessionsToEnd> {
    prop_oneof![
        Just(SessionsToEnd::None),
        Just(SessionsToEnd::All),
        (0_u8..6).prop_map(|id| SessionsToEnd::AllExcept(format!("s{id}"))),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let at = 1_000_u64..40_000;
    let guest = || prop::option::of(Just("guest".to_owned()));
    prop_oneof![
        4 => (0_u8..4, any::<bool>(), any::<bool>(), at.clone())
            .prop_map(|(id, pending, guest, at)| Event::Registered(registered(id, pending, guest, at))),
        2 => (0_u8..4, prop::option::of(0_u8..6), at.clone()).prop_map(|(id, id2, at)| Event::EmailVerified {
            email: format!("ada{id}@example.com"),
            session: id2.map(|id| session(id, at)),
            at,
        }),
        2 => (0_u8..4, prop::option::of(0_u8..4), sessions_to_end(), any::<bool>(), at.clone()).prop_map(
            |(id, replaces, sessions_to_end, confirms_email, at)| Event::PasswordSet {
                password: password(id),
                replaces: replaces.map(|id| format!("p{id}")),
                sessions_to_end,
                confirms_email,
                at,
            }
        ),
        6 => (0_u8..6, prop::option::of(0_u8..4), at.clone()).prop_map(|(id, with, at)| Event::SessionStarted {
            session: session(id, at),
            password: with.map(|id| format!("p{id}")),
        }),
        6 => (0_u8..6, 0_u64..3, at.clone()).prop_map(|(id, generation, at)| Event::SessionRefreshed {
            session: format!("s{id}"),
            generation,
            guest_session: None,
            at,
        }),
        2 => (0_u64..2, at.clone()).prop_map(|(generation, at)| Event::SessionRefreshed {
            session: "guest".to_owned(),
            generation,
            guest_session: Some(Session { id: "guest".to_owned(), ..session(0, 1_000) }),
            at,
        }),
        2 => (0_u8..6, at.clone()).prop_map(|(id, at)| Event::SessionEnded {
            session: format!("s{id}"),
            at,
        }),
        1 => (prop::option::of("[a-c]"), any::<bool>(), at.clone()).prop_map(|(name, clears, at)| Event::Updated {
            clears_image: name.is_some(),
            name,
            image: None,
            clears_name: clears,
            at,
        }),
        1 => (sessions_to_end(), guest(), at.clone()).prop_map(|(sessions_to_end, guest, at)| Event::SessionsEnded {
            sessions_to_end,
            guest,
            at,
        }),
        2 => (0_u8..4, at.clone()).prop_map(|(id, at)| Event::KeyCreated(key(id, at))),
        1 => (0_u8..4, at.clone()).prop_map(|(id, at)| Event::KeyRevoked { key: format!("k{id}"), at }),
        2 => (0_u8..4, at.clone()).prop_map(|(id, at)| Event::IdentityLinked { identity: identity(id), at }),
        1 => (0_u8..2, at.clone()).prop_map(|(id, at)| Event::IdentityUnlinked {
            provider: format!("provider{id}"),
            at,
        }),
        1 => (0_u8..2, 0_u8..9, at.clone()).prop_map(|(flow, attempt, at)| Event::FlowCompleted {
            flow: format!("f{flow}"),
            attempt: format!("a{attempt}"),
            at,
        }),
        1 => (0_u8..4).prop_map(|id| Event::ClaimRejected { claim: format!("c{id}") }),
        1 => (any::<bool>(), guest(), at).prop_map(|(permanent, guest, at)| Event::Deleted { permanent, guest, at }),
        1 => Just(Event::Erased),
    ]
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec(event(), 0..60)
}

fn apply_all<'a>(
    mut state: Account,
    events: impl IntoIterator<Item = (u64, &'a Event)>,
) -> Account {
    for (number, event) in events {
        state.apply(number, event.clone());
    }
    state
}

fn numbered(events: &[Event]) -> impl Iterator<Item = (u64, &Event)> {
    (1_u64..).zip(events)
}

/// The state of a snapshot after all effects were applied.
fn without_pending_effects(mut state: Account) -> Account {
    let mut revocations = std::mem::take(&mut state.effects.revocations);
    for revocation in &mut revocations {
        revocation.written = true;
    }
    state.effects = PendingEffects {
        revocations,
        ..PendingEffects::default()
    };
    state
}

/// The part of the state that is equal for all readers: everything except pending effects.
fn without_effects(mut state: Account) -> Account {
    state.effects = PendingEffects::default();
    state
}

proptest! {
    #[test]
    fn apply_after_any_snapshot_gives_the_same_state(events in events(), cut in 0_usize..60) {
        let whole = apply_all(Account::default(), numbered(&events));
        let before = apply_all(Account::default(), numbered(&events).take(cut));
        let stored = serde_json::to_vec(&before).unwrap();
        let read: Account = serde_json::from_slice(&stored).unwrap();
        prop_assert_eq!(apply_all(read, numbered(&events).skip(cut)), whole);
    }

    #[test]
    fn apply_after_effects_were_applied_gives_the_same_state(events in events(), cuts in prop::collection::vec(0_usize..60, 0..4)) {
        let whole = apply_all(Account::default(), numbered(&events));
        let mut state = Account::default();
        for (at, (number, event)) in numbered(&events).enumerate() {
            if cuts.contains(&at) {
                state = without_pending_effects(state);
            }
            state.apply(number, event.clone());
        }
        prop_assert_eq!(without_effects(state), without_effects(whole));
    }

    #[test]
    fn apply_of_repeated_event_changes_nothing(events in events(), which in 0_usize..60) {
        let whole = apply_all(Account::default(), numbered(&events));
        let mut twice = events.clone();
        if let Some(event) = events.get(which) {
            twice.insert(which, event.clone());
        }
        let again = apply_all(Account::default(), numbered(&twice));
        prop_assert_eq!(without_effects(again), without_effects(whole));
    }

    #[test]
    fn apply_never_restores_ended_sessions_or_deleted_users(events in events()) {
        let mut state = Account::default();
        let mut deleted = false;
        for (number, event) in numbered(&events) {
            state.apply(number, event.clone());
            for session in &state.sessions {
                prop_assert!(!state.effects.is_revoked(&session.id), "{}", session.id);
            }
            prop_assert!(state.deleted || !deleted);
            deleted = state.deleted;
            let is_empty = state.sessions.is_empty() && state.profile.is_none() && state.keys.is_empty();
            prop_assert!(!deleted || is_empty);
            let can_sign_in = |profile: &Profile| profile.password.is_some() || !state.identities.is_empty();
            prop_assert!(state.profile.as_ref().is_none_or(can_sign_in));
        }
    }

    #[test]
    fn apply_that_removes_session_revokes_it(events in events()) {
        let mut state = Account::default();
        for (number, event) in numbered(&events) {
            let before = state.sessions.clone();
            state.apply(number, event.clone());
            for session in before {
                let lives = state.session(&session.id).is_some();
                prop_assert!(lives || state.effects.is_revoked(&session.id));
            }
        }
    }
}

#[test]
fn apply_beyond_session_limit_ends_least_recently_renewed() {
    let mut state = Account::default();
    let most = u64::try_from(SESSIONS_MAX).unwrap();
    state.apply(1, Event::Registered(registered(0, false, false, 1)));
    for number in 0..most {
        let session = Session {
            id: format!("x{number}"),
            ..session(0, 10 + number)
        };
        let password = None;
        state.apply(2 + number, Event::SessionStarted { session, password });
    }
    let renewed = Event::SessionRefreshed {
        session: "x0".to_owned(),
        generation: 0,
        guest_session: None,
        at: 5_000,
    };
    state.apply(500, renewed);
    let session = session(1, 6_000);
    let password = None;
    state.apply(501, Event::SessionStarted { session, password });
    assert_eq!(state.sessions.len(), SESSIONS_MAX);
    assert!(state.session("x0").is_some());
    assert!(state.session("x1").is_none());
    assert!(state.effects.is_revoked("x1"));
}

#[test]
fn updated_event_without_clearing_has_stable_format() {
    let stored = r#"{"updated":{"name":"Ada","image":null,"at":7}}"#;
    let event: Event = serde_json::from_str(stored).unwrap();
    let expected = Event::Updated {
        name: Some("Ada".to_owned()),
        image: None,
        clears_name: false,
        clears_image: false,
        at: 7,
    };
    assert_eq!(event, expected);
    assert_eq!(serde_json::to_string(&event).unwrap(), stored);
}
