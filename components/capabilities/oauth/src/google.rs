//! Google: <https://developers.google.com/identity/openid-connect/openid-connect>.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use crate::response::{self, ProviderResponse};
use crate::settings::Google;
use crate::{Error, Profile};

pub(crate) const SCOPE: &str = "openid email profile";

/// Google's error codes for an unknown, used or expired code, and for a wrong verifier.
const REFUSALS: [&str; 1] = ["invalid_grant"];

/// Google uses both.
const ISSUERS: [&str; 2] = ["https://accounts.google.com", "accounts.google.com"];

/// Accepted clock difference, in seconds.
const LEEWAY: u64 = 60;

/// Maximum length of a subject (OpenID Connect Core, section 2), in bytes.
const SUBJECT_BYTES_MAX: usize = 255;

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

/// Claims of an id token (OpenID Connect Core, sections 2 and 5.1).
#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    exp: u64,
    email: Option<String>,
    email_verified: Option<Verified>,
    name: Option<String>,
    picture: Option<String>,
}

/// A boolean, which some of Google's endpoints write as a string.
#[derive(Deserialize)]
#[serde(untagged)]
enum Verified {
    Truth(bool),
    Text(String),
}

impl Google {
    pub(crate) fn authorization_endpoint(&self) -> String {
        format!("{}/o/oauth2/v2/auth", self.base_url)
    }
}

/// The profile in the id token of a response. `now` is in seconds. The signature is not verified,
/// because the token comes from the token endpoint over TLS (OpenID Connect Core, section 3.1.3.7,
/// point 6).
///
/// # Errors
/// As `ProviderResponse::token`; `protocol` also for a token of another client or issuer, and for an expired one.
pub(crate) fn profile(
    response: &ProviderResponse,
    client_id: &str,
    now: u64,
) -> Result<Profile, Error> {
    let Tokens { id_token } = response.token(&REFUSALS)?;
    let claims = claims(&id_token).ok_or_else(|| refused("the id token is none"))?;
    if !ISSUERS.contains(&claims.iss.as_str()) {
        return Err(refused("the id token is of another issuer"));
    }
    if claims.aud != client_id {
        return Err(refused("the id token is for another client"));
    }
    if claims.exp.saturating_add(LEEWAY) <= now {
        return Err(refused("the id token is too old"));
    }
    if !(1..=SUBJECT_BYTES_MAX).contains(&claims.sub.len()) || !claims.sub.is_ascii() {
        return Err(refused("the id token has no subject"));
    }
    let verified = match claims.email_verified {
        Some(Verified::Truth(truth)) => truth,
        Some(Verified::Text(text)) => text == "true",
        None => false,
    };
    let email = response::email(claims.email);
    Ok(Profile {
        subject: claims.sub,
        email_verified: verified && email.is_some(),
        email,
        name: response::name(claims.name),
        image: response::image(claims.picture),
    })
}

fn claims(token: &str) -> Option<Claims> {
    let mut parts = token.split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let json = URL_SAFE_NO_PAD.decode(payload).ok()?;
    serde_json::from_slice(&json).ok()
}

fn refused(text: &str) -> Error {
    Error::Protocol(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const NOW: u64 = 1_800_000_000;

    fn exchanged(changes: Value) -> Result<Profile, Error> {
        let mut claims = json!({
            "iss": "https://accounts.google.com", "azp": "app", "aud": "app", "sub": "10769150350006150715113082367",
            "at_hash": "x", "iat": NOW, "exp": NOW + 3600,
            "email": "ada@example.com", "email_verified": true,
            "name": "Ada", "picture": "https://lh3.googleusercontent.com/a/x=s96-c",
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let payload = URL_SAFE_NO_PAD.encode(claims.to_string());
        let body = json!({ "access_token": "ya29.x", "id_token": format!("e30.{payload}.c2ln") });
        let response = ProviderResponse {
            status: 200,
            body: body.to_string().into_bytes(),
        };
        profile(&response, "app", NOW)
    }

    #[test]
    fn profile_of_id_token_has_its_claims() {
        let profile = exchanged(json!({})).unwrap();
        assert_eq!(profile.subject, "10769150350006150715113082367");
        assert_eq!(profile.email.as_deref(), Some("ada@example.com"));
        assert!(profile.email_verified);
        assert_eq!(profile.name.as_deref(), Some("Ada"));
        assert!(profile.image.is_some());
        assert!(exchanged(json!({ "iss": "accounts.google.com" })).is_ok());
        assert!(exchanged(json!({ "exp": NOW - 59 })).is_ok());
    }

    #[test]
    fn profile_with_email_verified_as_text_is_read() {
        for (value, expected) in [
            (json!("true"), true),
            (json!("false"), false),
            (json!(false), false),
            (json!("TRUE"), false),
            (json!(null), false),
        ] {
            let profile = exchanged(json!({ "email_verified": value })).unwrap();
            assert_eq!(profile.email_verified, expected, "{value}");
        }
        let profile = exchanged(json!({ "email": null, "name": null, "picture": null })).unwrap();
        assert_eq!((profile.email, profile.email_verified), (None, false));
        assert_eq!((profile.name, profile.image), (None, None));
    }

    #[test]
    fn profile_of_token_of_other_issuer_client_or_time_fails() {
        for changes in [
            json!({ "iss": "https://accounts.google.com.evil.example" }),
            json!({ "iss": "http://accounts.google.com" }),
            json!({ "aud": "other" }),
            json!({ "aud": ["app", "other"] }),
            json!({ "exp": NOW - 60 }),
            json!({ "exp": null }),
            json!({ "sub": "" }),
            json!({ "sub": null }),
            json!({ "sub": "1".repeat(256) }),
        ] {
            let refused = exchanged(changes.clone());
            assert!(matches!(refused, Err(Error::Protocol(_))), "{changes}");
        }
    }

    #[test]
    fn profile_of_other_text_fails() {
        for body in [
            "{}",
            r#"{"id_token":""}"#,
            r#"{"id_token":"a.b"}"#,
            r#"{"id_token":"a.b.c"}"#,
            r#"{"id_token":"a.e30.c.d"}"#,
            r#"{"id_token":7}"#,
        ] {
            let response = ProviderResponse {
                status: 200,
                body: body.as_bytes().to_vec(),
            };
            let refused = profile(&response, "app", NOW);
            assert!(matches!(refused, Err(Error::Protocol(_))), "{body}");
        }
        let response = ProviderResponse {
            status: 400,
            body: br#"{"error":"invalid_grant","error_description":"Bad Request"}"#.to_vec(),
        };
        let refused = profile(&response, "app", NOW);
        assert!(matches!(refused, Err(Error::CodeRefused(_))));
    }
}
