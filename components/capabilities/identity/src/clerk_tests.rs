use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::jwks::{self, KeySet};
use crate::types::UserKind;

/// Tokens made by Clerk's SDK; see `tests/fixtures/clerk/generate.mjs`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fixtures {
    issuer: String,
    authorized_party: String,
    user_id: String,
    session_id: String,
    issued_at: u64,
    tokens: BTreeMap<String, String>,
}

fn fixtures() -> Fixtures {
    serde_json::from_str(include_str!("../tests/fixtures/clerk/tokens.json")).unwrap()
}

fn key_set() -> KeySet {
    jwks::parse(include_bytes!("../tests/fixtures/clerk/jwks.json")).unwrap()
}

fn settings(authorized_parties: &[&str]) -> Settings {
    Settings {
        issuer: fixtures().issuer,
        authorized_parties: authorized_parties.iter().map(ToString::to_string).collect(),
    }
}

/// From a token to a user, at a time in seconds.
fn check_with(
    token: &str,
    keys: &KeySet,
    settings: &Settings,
    now: u64,
) -> Result<User, AuthError> {
    let key = keys.get(&key_id(token)?).ok_or(AuthError::Invalid)?;
    let claimed = claimed_session(token).ok_or(AuthError::Invalid)?;
    let (user, session) = verify(token, key, settings, now)?;
    assert_eq!(claimed, session);
    Ok(user)
}

fn check_at(name: &str, now: u64) -> Result<User, AuthError> {
    let fixtures = fixtures();
    let settings = settings(&[&fixtures.authorized_party]);
    check_with(&fixtures.tokens[name], &key_set(), &settings, now)
}

fn check(name: &str) -> Result<User, AuthError> {
    check_at(name, fixtures().issued_at + 1)
}

#[test]
fn verify_of_session_token_returns_user() {
    let fixtures = fixtures();
    for name in ["valid", "version1"] {
        let user = check(name).unwrap();
        assert_eq!(user.id, format!("clerk_{}", fixtures.user_id), "{name}");
        assert_eq!(user.kind, UserKind::External);
        assert_eq!((user.email, user.name), (None, None));
    }
    let session = claimed_session(&fixtures.tokens["valid"]);
    assert_eq!(session, Some(fixtures.session_id));
}

#[test]
fn verify_with_profile_claims_returns_them() {
    let user = check("profile").unwrap();
    assert_eq!(user.email.as_deref(), Some("ada@example.com"));
    assert_eq!(user.name.as_deref(), Some("Ada Lovelace"));
    let user = check("oddProfile").unwrap();
    assert_eq!((user.email, user.name), (None, None));
}

#[test]
fn verify_with_other_party_is_invalid() {
    assert_eq!(check("otherParty"), Err(AuthError::Invalid));
    let fixtures = fixtures();
    let token = &fixtures.tokens["otherParty"];
    let any = settings(&[]);
    let both = settings(&[&fixtures.authorized_party, "https://evil.example.com"]);
    for accepting in [any, both] {
        let user = check_with(token, &key_set(), &accepting, fixtures.issued_at);
        assert!(user.is_ok());
    }
}

#[test]
fn verify_without_party_is_accepted() {
    assert!(check("noParty").is_ok());
}

#[test]
fn verify_outside_validity_is_expired_or_invalid() {
    let issued = fixtures().issued_at;
    let end = issued + 60 + LEEWAY_SECONDS;
    assert!(check_at("valid", end - 1).is_ok());
    assert_eq!(check_at("valid", end), Err(AuthError::Expired));
    let begin = issued + 3600 - LEEWAY_SECONDS;
    assert_eq!(check_at("notYet", begin - 1), Err(AuthError::Invalid));
    assert!(check_at("notYet", begin).is_ok());
}

#[test]
fn verify_of_other_tokens_is_invalid() {
    for name in [
        "otherIssuer",
        "audience",
        "pending",
        "noSession",
        "oddSession",
        "oddUser",
        "noExpiry",
        "noKid",
        "oauth",
        "rs512",
        "rotated",
        "wrongKeyUnderKid",
        "critical",
        "none",
        "confusedPem",
        "confusedModulus",
    ] {
        assert_eq!(check(name), Err(AuthError::Invalid), "{name}");
    }
}

/// Also if the caller does not read the token's header first.
#[test]
fn verify_of_hs256_token_signed_with_public_key_is_invalid() {
    let fixtures = fixtures();
    let key = key_set().into_values().next().unwrap();
    for name in ["none", "rs512", "confusedPem", "confusedModulus"] {
        let token = &fixtures.tokens[name];
        let verified = verify(token, &key, &settings(&[]), fixtures.issued_at);
        assert_eq!(verified, Err(AuthError::Invalid), "{name}");
    }
}

#[test]
fn keys_rotate() {
    let fixtures = fixtures();
    let both = jwks::parse(include_bytes!("../tests/fixtures/clerk/jwks-rotated.json")).unwrap();
    let mut new = both.clone();
    new.retain(|id, _| id.ends_with('2'));
    let at = |name: &str, keys| {
        let token = &fixtures.tokens[name];
        check_with(token, keys, &settings(&[]), fixtures.issued_at)
    };
    assert!(at("valid", &both).is_ok());
    assert!(at("rotated", &both).is_ok());
    assert_eq!(at("valid", &new), Err(AuthError::Invalid));
    assert!(at("rotated", &new).is_ok());
}

#[test]
fn verify_of_other_text_is_invalid() {
    let oversized = format!(
        "{}{}",
        fixtures().tokens["valid"],
        "A".repeat(MAX_CREDENTIAL_BYTES)
    );
    for text in ["", ".", "..", "a.b.c", "é.é.é", "\0", &oversized] {
        assert_eq!(key_id(text), Err(AuthError::Invalid));
        let key = key_set().into_values().next().unwrap();
        let verified = verify(text, &key, &settings(&[]), 0);
        assert_eq!(verified, Err(AuthError::Invalid));
    }
    assert_eq!(claimed_session("a.b.c"), None);
}

#[test]
fn verify_of_changed_token_is_invalid() {
    let fixtures = fixtures();
    let key = key_set().into_values().next().unwrap();
    let token = &fixtures.tokens["valid"];
    for position in (0..token.len()).step_by(7) {
        let mut changed = token.clone().into_bytes();
        changed[position] = if changed[position] == b'A' {
            b'B'
        } else {
            b'A'
        };
        let changed = String::from_utf8(changed).unwrap();
        let verified = verify(&changed, &key, &settings(&[]), fixtures.issued_at);
        assert_eq!(verified, Err(AuthError::Invalid), "at {position}");
    }
}

proptest! {
    #[test]
    fn verify_of_any_text_does_not_panic(header in ".*", claims in ".*", signature in "[A-Za-z0-9_-]*") {
        use base64::Engine;
        let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        let token = format!("{}.{}.{signature}", encode(&header), encode(&claims));
        for text in [&header, &token] {
            let _ = claimed_session(text);
            prop_assert_eq!(key_id(text), Err(AuthError::Invalid));
        }
    }
}

/// Every token of the generator is used by a test of this file.
#[test]
fn every_fixture_is_used() {
    let source = include_str!("clerk_tests.rs");
    for name in fixtures().tokens.keys() {
        assert!(source.contains(&format!("\"{name}\"")), "{name}");
    }
}
