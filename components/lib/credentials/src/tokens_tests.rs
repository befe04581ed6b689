use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::Sha256;

use super::*;
use crate::MAX_CREDENTIAL_BYTES;

const NOW: u64 = 1_800_000_000;
const SECRET: [u8; 32] = [7; 32];

fn keys() -> Keys {
    Keys::derive(&SECRET).unwrap()
}

fn guest() -> Subject {
    Subject {
        id: "guest_1".to_owned(),
        kind: UserKind::Guest,
        email: None,
        name: None,
    }
}

fn grant(subject: &Subject) -> Grant<'_> {
    Grant {
        subject,
        session: "session",
        now: NOW,
    }
}

fn access_token() -> String {
    grant(&guest()).access(&keys()).unwrap()
}

fn check(token: &str, now: u64) -> Result<Subject, TokenError> {
    verify(&keys(), TokenKind::Access, token, now).map(|verified| verified.subject)
}

/// A token with any header and claims, signed with the access key.
fn forge(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let keys = keys();
    let mac = Hmac::<Sha256>::new_from_slice(keys.of(TokenKind::Access).sign.as_bytes())
        .unwrap()
        .chain_update(&message)
        .finalize()
        .into_bytes();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac))
}

fn header() -> Value {
    json!({"alg": "HS256", "typ": "JWT"})
}

fn claims() -> Value {
    json!({
        "iss": "goldfish", "aud": "goldfish", "sub": "guest_1", "typ": "access", "kind": "guest",
        "sid": "session", "jti": "token", "iat": NOW, "exp": NOW + 60,
    })
}

#[test]
fn verify_of_access_token_returns_its_session() {
    let token = grant(&guest()).access(&keys()).unwrap();
    let verified = verify(&keys(), TokenKind::Access, &token, NOW).unwrap();
    assert_eq!(verified.subject, guest());
    assert_eq!(verified.session, "session");
    assert_eq!(verified.generation, 0);
    assert_eq!(
        (verified.issued_at, verified.expires_at),
        (NOW, NOW + ACCESS_SECONDS)
    );
    assert!(token.len() < 1024);
}

#[test]
fn access_tokens_of_one_grant_differ() {
    assert_ne!(access_token(), access_token());
}

#[test]
fn verify_returns_all_fields_of_subject() {
    let user = Subject {
        id: "user_1".to_owned(),
        kind: UserKind::Registered,
        email: Some("ada@example.com".to_owned()),
        name: Some("Ada \"Countess\" Łovelace".to_owned()),
    };
    let token = grant(&user).access(&keys()).unwrap();
    assert_eq!(check(&token, NOW), Ok(user));
}

#[test]
fn verify_of_refresh_token_returns_generation() {
    let token = grant(&guest()).refresh(&keys(), 7).unwrap();
    let verified = verify(&keys(), TokenKind::Refresh, &token, NOW).unwrap();
    assert_eq!(verified.generation, 7);
}

#[test]
fn verify_after_lifetime_is_expired() {
    let subject = guest();
    let grant = grant(&subject);
    for (kind, token, seconds) in [
        (TokenKind::Access, grant.access(&keys()), ACCESS_SECONDS),
        (TokenKind::Access, grant.bearer(&keys()), BEARER_SECONDS),
        (TokenKind::Cookie, grant.cookie(&keys()), COOKIE_SECONDS),
        (
            TokenKind::Refresh,
            grant.refresh(&keys(), 1),
            REFRESH_SECONDS,
        ),
    ] {
        let check = |now| verify(&keys(), kind, token.as_deref().unwrap(), now);
        assert!(check(NOW + seconds - 1).is_ok(), "{kind:?}");
        assert_eq!(check(NOW + seconds), Err(TokenError::Expired), "{kind:?}");
    }
}

#[test]
fn verify_of_other_kind_is_invalid() {
    let subject = guest();
    let grant = grant(&subject);
    let tokens = [
        (TokenKind::Access, grant.access(&keys()).unwrap()),
        (TokenKind::Cookie, grant.cookie(&keys()).unwrap()),
        (TokenKind::Refresh, grant.refresh(&keys(), 1).unwrap()),
    ];
    let kinds = [
        TokenKind::Access,
        TokenKind::Cookie,
        TokenKind::Refresh,
        TokenKind::Flow,
        TokenKind::Reset,
        TokenKind::Verification,
    ];
    for (made, token) in &tokens {
        for kind in kinds {
            let verified = verify(&keys(), kind, token, NOW);
            assert_eq!(verified.is_ok(), kind == *made, "{made:?} as {kind:?}");
        }
    }
    // Not even with a forged kind, because the key differs.
    for kind in kinds.into_iter().filter(|kind| *kind != TokenKind::Access) {
        let mut claims = claims();
        claims["typ"] = kind.label().into();
        let forged = forge(&header(), &claims);
        for kind in [TokenKind::Access, kind] {
            let verified = verify(&keys(), kind, &forged, NOW);
            assert_eq!(verified, Err(TokenError::Invalid), "{kind:?}");
        }
    }
}

#[test]
fn verify_with_other_secret_is_invalid() {
    let other = Keys::derive(&[8; 32]).unwrap();
    let token = grant(&guest()).access(&other).unwrap();
    assert_eq!(check(&token, NOW), Err(TokenError::Invalid));
    // An old token of another secret is invalid, not expired.
    assert_eq!(
        check(&token, NOW + 10 * ACCESS_SECONDS),
        Err(TokenError::Invalid)
    );
}

#[test]
fn forge_with_valid_claims_is_accepted() {
    assert_eq!(check(&forge(&header(), &claims()), NOW), Ok(guest()));
}

#[test]
fn verify_of_other_algorithm_is_invalid() {
    for algorithm in [
        "none", "None", "HS384", "HS512", "RS256", "ES256", "EdDSA", "", "hs256",
    ] {
        let header = json!({"alg": algorithm, "typ": "JWT"});
        let token = forge(&header, &claims());
        assert_eq!(check(&token, NOW), Err(TokenError::Invalid), "{algorithm}");
        let (message, _) = token.rsplit_once('.').unwrap();
        let unsigned = format!("{message}.");
        assert_eq!(
            check(&unsigned, NOW),
            Err(TokenError::Invalid),
            "{algorithm}"
        );
    }
}

#[test]
fn verify_with_critical_extension_is_invalid() {
    let header = json!({"alg": "HS256", "crit": ["b64"], "b64": false});
    assert_eq!(
        check(&forge(&header, &claims()), NOW),
        Err(TokenError::Invalid)
    );
}

#[test]
fn verify_with_missing_or_wrong_claim_is_invalid() {
    for name in [
        "iss", "aud", "sub", "typ", "kind", "sid", "jti", "iat", "exp",
    ] {
        let mut missing = claims();
        missing.as_object_mut().unwrap().remove(name);
        let token = forge(&header(), &missing);
        assert_eq!(
            check(&token, NOW),
            Err(TokenError::Invalid),
            "without {name}"
        );
    }
    for (name, value) in [
        ("iss", json!("somebody")),
        ("aud", json!("somebody")),
        ("aud", json!(["goldfish"])),
        ("sub", json!("")),
        ("sub", json!("guest_1:other")),
        ("sub", json!("a".repeat(129))),
        ("sub", json!(7)),
        ("kind", json!("admin")),
        ("jti", json!("")),
        ("sid", json!("")),
        ("sid", json!("a:b")),
        ("gen", json!(-1)),
        ("exp", json!("4102444800")),
        ("exp", json!(-1)),
        ("exp", json!(1e30)),
    ] {
        let mut wrong = claims();
        wrong[name] = value;
        let token = forge(&header(), &wrong);
        assert_eq!(check(&token, NOW), Err(TokenError::Invalid), "{name}");
    }
}

#[test]
fn verify_of_other_text_is_invalid() {
    for text in [
        "", ".", "..", "...", "a.b.c", "Bearer x", "\u{0}", "é.é.é", "null",
    ] {
        assert_eq!(check(text, NOW), Err(TokenError::Invalid), "{text}");
    }
    let array = forge(&header(), &json!([]));
    assert_eq!(check(&array, NOW), Err(TokenError::Invalid));
}

#[test]
fn verify_of_oversized_token_is_invalid() {
    let mut large = claims();
    large["name"] = "n".repeat(MAX_CREDENTIAL_BYTES).into();
    let token = forge(&header(), &large);
    assert_eq!(check(&token, NOW), Err(TokenError::Invalid));
}

proptest! {
    #[test]
    fn verify_of_changed_token_is_invalid(position in 0usize..500, byte in any::<u8>()) {
        let token = access_token();
        let mut changed = token.clone().into_bytes();
        let position = position % changed.len();
        changed[position] = byte;
        if let Ok(text) = String::from_utf8(changed)
            && text != token
        {
            // The decoder refuses spare bits in the last Base64 character.
            prop_assert_eq!(check(&text, NOW), Err(TokenError::Invalid));
        }
    }

    #[test]
    fn verify_of_any_text_does_not_panic(token in ".*") {
        prop_assert!(check(&token, NOW).is_err());
    }
}
