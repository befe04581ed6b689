use std::collections::BTreeMap;

use super::*;
use crate::jwks::{self, KeySet};
use crate::types::UserKind;

/// Cookies made by the real Node SDK; see `tests/fixtures/workos/generate.mjs`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fixtures {
    client_id: String,
    cookie_password: String,
    user_id: String,
    issued_at: u64,
    cookies: BTreeMap<String, String>,
}

fn fixtures() -> Fixtures {
    serde_json::from_str(include_str!("../tests/fixtures/workos/sessions.json")).unwrap()
}

fn key_set() -> KeySet {
    jwks::parse(include_bytes!("../tests/fixtures/workos/jwks.json")).unwrap()
}

fn rotated_key_set() -> KeySet {
    jwks::parse(include_bytes!("../tests/fixtures/workos/jwks-rotated.json")).unwrap()
}

/// From a cookie to a user, at a time in seconds.
fn check_at(cookie: &str, keys: &KeySet, now: u64) -> Result<User, AuthError> {
    let fixtures = fixtures();
    let session = open(cookie, &fixtures.cookie_password, now * 1000)?;
    let key_id = session.key_id().ok_or(AuthError::Invalid)?;
    let key = keys.get(&key_id).ok_or(AuthError::Invalid)?;
    let claims = session.sealed_claims(&fixtures.client_id)?;
    let (user, session_id) = session.verify(key, &fixtures.client_id, now)?;
    assert_eq!(claims.sid, session_id);
    Ok(user)
}

fn check(name: &str) -> Result<User, AuthError> {
    let fixtures = fixtures();
    check_at(&fixtures.cookies[name], &key_set(), fixtures.issued_at + 1)
}

#[test]
fn verify_of_sdk_session_returns_user() {
    let user = check("valid").unwrap();
    assert_eq!(user.id, format!("workos_{}", fixtures().user_id));
    assert_eq!(user.kind, UserKind::External);
    assert_eq!(user.email.as_deref(), Some("ada@example.com"));
    assert_eq!(user.name.as_deref(), Some("Ada Lovelace"));
    assert_eq!(check("noName").unwrap().name, None);
}

#[test]
fn open_of_every_seal_version_succeeds() {
    for name in ["unversioned", "version1"] {
        assert!(check(name).is_ok(), "{name}");
    }
}

#[test]
fn open_of_percent_encoded_cookie_succeeds() {
    let fixtures = fixtures();
    let escaped = fixtures.cookies["valid"]
        .replace('*', "%2A")
        .replace('~', "%7e");
    assert!(check_at(&escaped, &key_set(), fixtures.issued_at).is_ok());
}

#[test]
fn is_issuer_of_other_client_is_false() {
    for name in ["legacyIssuer", "ssoIssuer", "customDomain"] {
        assert!(check(name).is_ok(), "{name}");
    }
    assert_eq!(check("otherClient"), Err(AuthError::Invalid));
    for issuer in [
        "",
        "api.workos.com",
        "https://",
        "https://x/user_management/c/other",
    ] {
        assert!(!is_issuer(issuer, "c"), "{issuer}");
    }
}

#[test]
fn verify_of_old_session_is_expired() {
    let fixtures = fixtures();
    let end = fixtures.issued_at + 300;
    let at = |now| check_at(&fixtures.cookies["short"], &key_set(), now);
    assert!(at(end + LEEWAY_SECONDS - 1).is_ok());
    assert_eq!(at(end + LEEWAY_SECONDS), Err(AuthError::Expired));
    let long_ago = check_at(&fixtures.cookies["old"], &key_set(), fixtures.issued_at);
    assert_eq!(long_ago, Err(AuthError::Expired));
}

#[test]
fn verify_before_validity_is_invalid() {
    let fixtures = fixtures();
    let begin = fixtures.issued_at + 3600;
    let at = |now| check_at(&fixtures.cookies["notYet"], &key_set(), now);
    assert_eq!(at(begin - LEEWAY_SECONDS - 1), Err(AuthError::Invalid));
    assert!(at(begin - LEEWAY_SECONDS).is_ok());
}

#[test]
fn open_of_expired_seal_is_expired() {
    let fixtures = fixtures();
    let end = fixtures.issued_at + 600;
    let at = |now| check_at(&fixtures.cookies["expiring"], &key_set(), now);
    assert!(at(end + 58).is_ok());
    assert_eq!(at(end + 61), Err(AuthError::Expired));
}

#[test]
fn verify_of_forged_access_token_is_invalid() {
    for name in [
        "none",
        "confusedPem",
        "confusedModulus",
        "wrongKeyUnderKid",
        "noKid",
        "noExpiry",
        "critical",
        "otherSubject",
        "rotated",
        "otherPasswordId",
        "notJson",
    ] {
        assert_eq!(check(name), Err(AuthError::Invalid), "{name}");
    }
}

/// Also if the caller does not read the token's header first.
#[test]
fn verify_of_hs256_token_signed_with_public_key_is_invalid() {
    let fixtures = fixtures();
    let key = key_set().into_values().next().unwrap();
    for name in ["none", "confusedPem", "confusedModulus"] {
        let session = open(&fixtures.cookies[name], &fixtures.cookie_password, 0).unwrap();
        let verified = session.verify(&key, &fixtures.client_id, fixtures.issued_at);
        assert_eq!(verified, Err(AuthError::Invalid), "{name}");
    }
}

#[test]
fn keys_rotate() {
    let fixtures = fixtures();
    let both = rotated_key_set();
    for name in ["valid", "rotated"] {
        let user = check_at(&fixtures.cookies[name], &both, fixtures.issued_at);
        assert!(user.is_ok(), "{name}");
    }
    let mut new = both;
    new.retain(|id, _| id.ends_with('2'));
    let at = |name: &str| check_at(&fixtures.cookies[name], &new, fixtures.issued_at);
    assert_eq!(at("valid"), Err(AuthError::Invalid));
    assert!(at("rotated").is_ok());
}

#[test]
fn open_with_other_password_is_invalid() {
    let cookie = &fixtures().cookies["valid"];
    for password in ["", "another-password-of-32-characters-or-more"] {
        let opened = open(cookie, password, 0);
        assert!(matches!(opened, Err(AuthError::Invalid)));
    }
}

#[test]
fn open_of_changed_seal_is_invalid() {
    let fixtures = fixtures();
    let (sealed, version) = fixtures.cookies["expiring"].split_once('~').unwrap();
    let fields: Vec<&str> = sealed.split('*').collect();
    assert_eq!(fields.len(), 8);
    for index in 0..fields.len() {
        let replaced = |text: String| {
            let mut fields: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
            fields[index] = text;
            format!("{}~{version}", fields.join("*"))
        };
        let flipped: String = fields[index]
            .chars()
            .enumerate()
            .map(|(at, c)| match (at, c) {
                (0, '1') => '2',
                (0, _) => '1',
                _ => c,
            })
            .collect();
        for text in [flipped, String::new(), format!("{}A", fields[index])] {
            let opened = open(&replaced(text), &fixtures.cookie_password, 0);
            assert!(matches!(opened, Err(AuthError::Invalid)), "field {index}");
        }
        let mut fewer = fields.clone();
        fewer.remove(index);
        let opened = open(&fewer.join("*"), &fixtures.cookie_password, 0);
        assert!(
            matches!(opened, Err(AuthError::Invalid)),
            "without field {index}"
        );
    }
}

#[test]
fn open_of_other_text_is_invalid() {
    let password = fixtures().cookie_password;
    for text in [
        "",
        "*",
        "~",
        "~2",
        "*******",
        "Fe26.2*1*a*b*c**d*e~2",
        "%",
        "%ff",
        "é*é",
        "Fe26.2",
    ] {
        let opened = open(text, &password, 0);
        assert!(matches!(opened, Err(AuthError::Invalid)), "{text}");
    }
    let huge = "*".repeat(MAX_CREDENTIAL_BYTES + 1);
    assert!(matches!(open(&huge, &password, 0), Err(AuthError::Invalid)));
}

#[test]
fn verify_joins_first_and_last_name() {
    let user = |first: Option<&str>, last: Option<&str>| {
        let profile = Profile {
            id: "user_1".to_owned(),
            email: None,
            first_name: first.map(ToOwned::to_owned),
            last_name: last.map(ToOwned::to_owned),
        };
        profile.into_user().unwrap().name
    };
    assert_eq!(user(Some(" Ada "), Some(" ")).as_deref(), Some("Ada"));
    assert_eq!(user(None, Some("Lovelace")).as_deref(), Some("Lovelace"));
    assert_eq!(user(None, None), None);
}

#[test]
fn sealed_claims_of_expired_session_are_expired() {
    let fixtures = fixtures();
    let session = open(&fixtures.cookies["short"], &fixtures.cookie_password, 0).unwrap();
    assert_eq!(session.refresh_token(), Some("fixture-refresh-token"));
    let claims = session.sealed_claims(&fixtures.client_id).unwrap();
    assert_eq!(
        claims.org_id.as_deref(),
        Some("org_01HRDMC6CM357W30QMHMQ96Q0S")
    );
    let end = fixtures.issued_at + 300 + LEEWAY_SECONDS;
    assert!(!claims.are_expired(end - 1));
    assert!(claims.are_expired(end));
    assert!(session.sealed_claims("client_01OTHER").is_err());
}

#[test]
fn are_of_session_with_other_user_or_session_is_false() {
    let claims = |sub: &str, sid: &str| Claims {
        iss: "https://api.workos.com".to_owned(),
        sub: sub.to_owned(),
        sid: sid.to_owned(),
        org_id: None,
        exp: 0,
        nbf: None,
    };
    let own = claims("user_1", "session_1");
    assert!(own.are_of_session(&claims("user_1", "session_1")));
    assert!(!own.are_of_session(&claims("user_2", "session_1")));
    assert!(!own.are_of_session(&claims("user_1", "session_2")));
}

/// Every session of the generator is used by a test of this file.
#[test]
fn every_fixture_is_used() {
    let source = include_str!("workos_tests.rs");
    for name in fixtures().cookies.keys() {
        assert!(source.contains(&format!("\"{name}\"")), "{name}");
    }
}
