//! Which credentials of a request are verified.

use credentials::{MAX_CREDENTIAL_BYTES, api_key};
use jsonwebtoken::Algorithm;

use crate::types::{AuthError, Credentials, Principal, UserKind};

/// A credential, by what it is verified as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Credential {
    /// An access token of this application.
    Token(String),
    /// An API key of this application.
    ApiKey(String),
    /// A session cookie of this application.
    Cookie(String),
    /// A session sealed by WorkOS' SDK.
    Workos(String),
    /// A Clerk session token.
    Clerk(String),
}

/// The credentials of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Presented {
    /// A credential that the client chose to send. It alone is verified.
    Explicit(Credential),
    /// Credentials that the browser attached, in the order of the contract.
    Cookies(Vec<Credential>),
}

/// The credentials to verify. Empty values are left by deleted cookies and are no credentials. Clerk
/// cookies count only if `with_clerk`, because other systems use the same names.
pub(crate) fn present(credentials: Credentials, with_clerk: bool) -> Presented {
    let not_empty = |value: &String| !value.is_empty();
    let explicit = credentials
        .bearer
        .filter(not_empty)
        .map(bearer)
        .or_else(|| {
            credentials
                .api_key
                .filter(not_empty)
                .map(Credential::ApiKey)
        });
    if let Some(credential) = explicit {
        return Presented::Explicit(credential);
    }
    let sessions = credentials.session_cookies.into_iter();
    let workos = credentials.workos_cookies.into_iter();
    let clerk = credentials.clerk_cookies.into_iter();
    let clerk = clerk.filter(|_| with_clerk);
    Presented::Cookies(
        sessions
            .filter(not_empty)
            .map(Credential::Cookie)
            .chain(workos.filter(not_empty).map(Credential::Workos))
            .chain(clerk.filter(not_empty).map(Credential::Clerk))
            .collect(),
    )
}

/// The principal of the best cookie: the first of a registered or external user, else the first of a
/// guest. Cookies that are invalid or expired are skipped.
///
/// # Errors
/// If there is no principal: `unavailable` if a cookie could not be verified, else `expired` if one
/// has expired, else `invalid`, else `missing`. Also `unavailable` if only a guest was found and
/// another cookie could not be verified: that cookie may prove another user.
pub(crate) async fn strongest(
    cookies: Vec<Credential>,
    verify: impl AsyncFn(Credential) -> Result<Principal, AuthError>,
) -> Result<Principal, AuthError> {
    let mut guest = None;
    let mut failure = AuthError::Missing;
    for cookie in cookies {
        match verify(cookie).await {
            Ok(principal) if principal.user.kind == UserKind::Guest => {
                guest.get_or_insert(principal);
            }
            Ok(principal) => return Ok(principal),
            Err(error) if precedence(&error) > precedence(&failure) => failure = error,
            Err(_) => {}
        }
    }
    match (guest, failure) {
        (Some(principal), failure) if !matches!(failure, AuthError::Unavailable(_)) => {
            Ok(principal)
        }
        (_, failure) => Err(failure),
    }
}

fn precedence(error: &AuthError) -> u8 {
    match error {
        AuthError::Missing => 0,
        AuthError::Invalid => 1,
        AuthError::Expired => 2,
        AuthError::Unavailable(_) => 3,
    }
}

/// The kind of a bearer token, by its prefix or its unverified header. It is verified as this kind
/// only.
fn bearer(token: String) -> Credential {
    if api_key::is_claimed(&token) {
        return Credential::ApiKey(token);
    }
    // Tokens of this application are signed with HS256.
    let is_clerk = token.len() <= MAX_CREDENTIAL_BYTES
        && jsonwebtoken::decode_header(&token).is_ok_and(|header| header.alg == Algorithm::RS256);
    if is_clerk {
        Credential::Clerk(token)
    } else {
        Credential::Token(token)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use futures::executor::block_on;

    use super::*;
    use crate::types::{Proof, User};

    fn all() -> Credentials {
        Credentials {
            bearer: Some("bearer".to_owned()),
            api_key: Some("key".to_owned()),
            session_cookies: vec!["cookie".to_owned()],
            workos_cookies: vec!["workos".to_owned(), "workos2".to_owned()],
            clerk_cookies: vec![String::new(), "clerk".to_owned()],
        }
    }

    #[test]
    fn present_with_explicit_credential_ignores_cookies() {
        let mut given = all();
        let token = Credential::Token("bearer".to_owned());
        assert_eq!(present(given.clone(), true), Presented::Explicit(token));
        given.bearer = Some(String::new());
        let key = Credential::ApiKey("key".to_owned());
        assert_eq!(present(given, true), Presented::Explicit(key));
    }

    #[test]
    fn present_with_cookies_has_all_in_order_without_empty_ones() {
        let mut given = all();
        given.bearer = None;
        given.api_key = None;
        let mut expected = vec![
            Credential::Cookie("cookie".to_owned()),
            Credential::Workos("workos".to_owned()),
            Credential::Workos("workos2".to_owned()),
            Credential::Clerk("clerk".to_owned()),
        ];
        assert_eq!(
            present(given.clone(), true),
            Presented::Cookies(expected.clone())
        );
        expected.pop();
        assert_eq!(present(given, false), Presented::Cookies(expected));
    }

    #[test]
    fn bearer_is_of_the_kind_that_it_claims() {
        let jwt = |header: &str| format!("{}.e30.c2ln", URL_SAFE_NO_PAD.encode(header));
        let clerk = jwt(r#"{"alg":"RS256","kid":"k","typ":"JWT"}"#);
        assert_eq!(bearer(clerk.clone()), Credential::Clerk(clerk));
        let long = jwt(&format!(
            r#"{{"alg":"RS256","kid":"{}"}}"#,
            "k".repeat(20_000)
        ));
        assert_eq!(bearer(long.clone()), Credential::Token(long));
        for token in [
            jwt(r#"{"alg":"HS256"}"#),
            jwt(r#"{"alg":"none"}"#),
            "x".to_owned(),
        ] {
            assert_eq!(bearer(token.clone()), Credential::Token(token));
        }
        let key = "gf_anything".to_owned();
        assert_eq!(bearer(key.clone()), Credential::ApiKey(key));
    }

    fn user(id: &str, kind: UserKind) -> Principal {
        Principal {
            user: User {
                id: id.to_owned(),
                kind,
                email: None,
                name: None,
            },
            proof: Proof::Session("s".to_owned()),
            renewed_cookie: None,
        }
    }

    /// Verifies cookies whose kind is visible in their values.
    fn verified(cookies: &[&str]) -> Result<String, AuthError> {
        let cookies = cookies
            .iter()
            .map(|text| Credential::Cookie((*text).to_owned()));
        let verify = async |cookie| {
            let Credential::Cookie(text) = cookie else {
                return Err(AuthError::Invalid);
            };
            match text.as_str() {
                "expired" => Err(AuthError::Expired),
                "invalid" => Err(AuthError::Invalid),
                "unavailable" => Err(AuthError::Unavailable(String::new())),
                guest if guest.starts_with("guest") => Ok(user(guest, UserKind::Guest)),
                other => Ok(user(other, UserKind::External)),
            }
        };
        block_on(strongest(cookies.collect(), verify)).map(|principal| principal.user.id)
    }

    #[test]
    fn strongest_of_cookies_skips_bad_ones_and_prefers_registered_users() {
        for (cookies, expected) in [
            (["expired", "good"].as_slice(), "good"),
            (&["invalid", "expired", "good"], "good"),
            (&["guest1", "good"], "good"),
            (&["good", "guest1"], "good"),
            (&["good", "other"], "good"),
            (&["unavailable", "good"], "good"),
            (&["invalid", "guest1", "guest2", "expired"], "guest1"),
        ] {
            assert_eq!(verified(cookies).as_deref(), Ok(expected), "{cookies:?}");
        }
    }

    #[test]
    fn strongest_without_valid_cookie_is_the_error_that_the_client_can_act_on() {
        for (cookies, expected) in [
            ([].as_slice(), AuthError::Missing),
            (&["invalid"], AuthError::Invalid),
            (&["invalid", "expired", "invalid"], AuthError::Expired),
            (
                &["expired", "unavailable"],
                AuthError::Unavailable(String::new()),
            ),
            (
                &["guest1", "unavailable"],
                AuthError::Unavailable(String::new()),
            ),
        ] {
            assert_eq!(verified(cookies), Err(expected), "{cookies:?}");
        }
    }
}
