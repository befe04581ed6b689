use credentials::records::{REVOKED, Scope};
use credentials::tokens::{ACCESS_SECONDS, Grant};
use credentials::{Subject, UserKind};
use journal::testing::{Client, Fault, World};

use super::*;
use crate::types::Proof;

fn keys() -> Keys {
    Keys::derive(&[7; 32]).unwrap()
}

fn subject() -> Subject {
    Subject {
        id: "user_1".to_owned(),
        kind: UserKind::Registered,
        email: None,
        name: None,
    }
}

/// Tokens of one session, as `goldfish:accounts` issues them.
struct Tokens {
    access: String,
    cookie: String,
    refresh: String,
}

fn tokens_of(world: &World) -> Tokens {
    let subject = subject();
    let grant = Grant {
        subject: &subject,
        session: "s",
        now: world.now() / 1000,
    };
    Tokens {
        access: grant.access(&keys()).unwrap(),
        cookie: grant.cookie(&keys()).unwrap(),
        refresh: grant.refresh(&keys(), 1).unwrap(),
    }
}

fn by_token(world: &World, client: Client, token: &str) -> Result<Principal, AuthError> {
    let (token, now) = (token.to_owned(), world.now());
    let task = async move { access_token(&client, &keys(), &token, now).await };
    world.finish(task).unwrap()
}

fn by_cookie(world: &World, client: Client, value: &str) -> Result<Principal, AuthError> {
    let (value, now) = (value.to_owned(), world.now());
    let task = async move { cookie(&client, &keys(), &value, now).await };
    world.finish(task).unwrap()
}

fn by_key(world: &World, client: Client, key: &str) -> Result<ApiKeyRecord, AuthError> {
    let key = key.to_owned();
    world
        .finish(async move { api_key(&client, &key).await })
        .unwrap()
}

/// Stores the record of a new key and returns the key.
fn stored_key(world: &World) -> String {
    let key = api_key::generate().unwrap();
    let record = ApiKeyRecord {
        id: "key".to_owned(),
        owner: subject(),
        scopes: vec![Scope::Read],
        expires_at: None,
        chat_per_minute: None,
        request_budget: None,
        token_budget: None,
    };
    world.put(&records::api_key(&key.hash), Some(record.to_bytes()));
    key.secret
}

#[test]
fn access_token_costs_one_read() {
    let world = World::new(1);
    let tokens = tokens_of(&world);
    let principal = by_token(&world, world.client(), &tokens.access).unwrap();
    assert_eq!(principal.user.id, "user_1");
    assert_eq!(principal.proof, Proof::Session("s".to_owned()));
    assert_eq!(principal.renewed_cookie, None);
    assert_eq!(world.take_counts(), (1, 0));
    let principal = by_cookie(&world, world.client(), &tokens.cookie).unwrap();
    assert_eq!(principal.renewed_cookie, None);
    assert_eq!(world.take_counts(), (1, 0));
}

#[test]
fn token_of_other_kind_is_invalid() {
    let world = World::new(1);
    let tokens = tokens_of(&world);
    for token in [&tokens.cookie, &tokens.refresh, &"gf_x".to_owned()] {
        let refused = by_token(&world, world.client(), token);
        assert_eq!(refused, Err(AuthError::Invalid));
    }
    for token in [&tokens.access, &tokens.refresh] {
        let refused = by_cookie(&world, world.client(), token);
        assert_eq!(refused, Err(AuthError::Invalid));
    }
    // Forged credentials do not cause any access to the store.
    assert_eq!(world.take_counts(), (0, 0));
}

#[test]
fn token_of_revoked_session_is_invalid() {
    let world = World::new(1);
    let tokens = tokens_of(&world);
    assert!(by_token(&world, world.client(), &tokens.access).is_ok());
    world.put(&records::revoked_session("s"), Some(REVOKED.to_vec()));
    let refused = by_token(&world, world.client(), &tokens.access);
    assert_eq!(refused, Err(AuthError::Invalid));
    let refused = by_cookie(&world, world.client(), &tokens.cookie);
    assert_eq!(refused, Err(AuthError::Invalid));
    // An old one is still just old.
    world.pass(ACCESS_SECONDS * 1000);
    let refused = by_token(&world, world.client(), &tokens.access);
    assert_eq!(refused, Err(AuthError::Expired));
}

#[test]
fn cookie_of_revoked_session_is_not_renewed() {
    let world = World::new(1);
    let tokens = tokens_of(&world);
    world.pass(2 * 24 * 60 * 60 * 1000);
    let principal = by_cookie(&world, world.client(), &tokens.cookie).unwrap();
    let renewed = principal.renewed_cookie.unwrap();
    assert!(by_cookie(&world, world.client(), &renewed).is_ok());
    world.put(&records::revoked_session("s"), Some(REVOKED.to_vec()));
    for value in [&tokens.cookie, &renewed] {
        let refused = by_cookie(&world, world.client(), value);
        assert_eq!(refused, Err(AuthError::Invalid));
    }
}

#[test]
fn cookie_renewal_is_recorded_once_a_day() {
    let world = World::new(1);
    let tokens = tokens_of(&world);
    world.pass(24 * 60 * 60 * 1000);
    let renewed_at = || {
        let bytes = world.value(&records::renewed_session("s")).unwrap();
        records::last_used_from_bytes(&bytes).unwrap()
    };
    by_cookie(&world, world.client(), &tokens.cookie).unwrap();
    let first = renewed_at();
    assert_eq!(first, world.now());
    world.pass(60_000);
    world.take_counts();
    by_cookie(&world, world.client(), &tokens.cookie).unwrap();
    assert_eq!((world.take_counts(), renewed_at()), ((2, 0), first));
    world.pass(24 * 60 * 60 * 1000);
    by_cookie(&world, world.client(), &tokens.cookie).unwrap();
    assert_eq!(renewed_at(), world.now());
}

#[test]
fn credentials_with_failing_store_are_unavailable() {
    let world = World::new(1);
    let tokens = tokens_of(&world);
    let key = stored_key(&world);
    let client = || world.client().with_fault(0, Fault::Fail);
    let unavailable = |error| matches!(error, AuthError::Unavailable(_));
    assert!(by_token(&world, client(), &tokens.access).is_err_and(unavailable));
    assert!(by_cookie(&world, client(), &tokens.cookie).is_err_and(unavailable));
    assert!(by_key(&world, client(), &key).is_err_and(unavailable));
}

#[test]
fn api_key_costs_one_read_and_malformed_one_none() {
    let world = World::new(1);
    let key = stored_key(&world);
    let record = by_key(&world, world.client(), &key).unwrap();
    assert_eq!(record.owner, subject());
    assert_eq!(world.take_counts(), (1, 0));
    // One character is changed: the checksum does not match.
    let mut wrong = key.clone();
    let first = if wrong.remove(3) == 'A' { 'B' } else { 'A' };
    wrong.insert(3, first);
    for text in [&wrong, "", "gf_", "x"] {
        let refused = by_key(&world, world.client(), text);
        assert_eq!(refused, Err(AuthError::Invalid));
    }
    assert_eq!(world.take_counts(), (0, 0));
    let unknown = api_key::generate().unwrap().secret;
    let refused = by_key(&world, world.client(), &unknown);
    assert_eq!(refused, Err(AuthError::Invalid));
}

#[test]
fn revoked_api_key_is_invalid() {
    let world = World::new(1);
    let key = stored_key(&world);
    assert!(by_key(&world, world.client(), &key).is_ok());
    let hash = api_key::hash(&key);
    world.put(&records::api_key(&hash), None);
    let refused = by_key(&world, world.client(), &key);
    assert_eq!(refused, Err(AuthError::Invalid));
    world.put(&records::api_key(&hash), Some(b"damaged".to_vec()));
    let refused = by_key(&world, world.client(), &key);
    assert!(matches!(refused, Err(AuthError::Unavailable(_))));
}

#[test]
fn use_of_key_is_recorded_once_a_minute() {
    let world = World::new(1);
    let note = |world: &World| {
        let now = world.now();
        world.finish(record_use(world.client(), "key".to_owned(), now));
    };
    let mut instance = Noted::default();
    let mut other = Noted::default();
    let begin = world.now();
    assert!(instance.is_due("key", begin));
    assert!(!instance.is_due("key", begin));
    note(&world);
    let stored = |world: &World| {
        let bytes = world.value(&records::last_used("key")).unwrap();
        records::last_used_from_bytes(&bytes).unwrap()
    };
    assert_eq!(stored(&world), begin);
    // Another instance reads, but does not write.
    world.pass(LAST_USED_STEP_MS / 2);
    world.take_counts();
    assert!(other.is_due("key", world.now()));
    note(&world);
    assert_eq!(world.take_counts(), (1, 0));
    world.pass(LAST_USED_STEP_MS / 2);
    assert!(instance.is_due("key", world.now()));
    assert!(!other.is_due("key", world.now()));
    note(&world);
    assert_eq!(stored(&world), world.now());
}
