//! Which of the credentials of a request counts.

use credentials::{MAX_CREDENTIAL_BYTES, api_key};
use jsonwebtoken::Algorithm;

use crate::types::Credentials;

/// The credential that counts, by what it has to be checked as.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Credential {
    /// An access token of ours.
    Token(String),
    /// An API key of ours.
    ApiKey(String),
    /// A session cookie of ours.
    Cookie(String),
    /// A session sealed by WorkOS' SDK.
    Workos(String),
    /// A Clerk session token in `Authorization`.
    ClerkBearer(String),
    /// A Clerk session token in its cookie.
    ClerkCookie(String),
}

/// The first credential that is there, in the order of the contract. An empty value is what is left
/// of a cookie that was cleared, and no credential.
pub(crate) fn choose(credentials: Credentials) -> Option<Credential> {
    let present = |value: Option<String>| value.filter(|value| !value.is_empty());
    present(credentials.bearer)
        .map(bearer)
        .or_else(|| present(credentials.api_key).map(Credential::ApiKey))
        .or_else(|| present(credentials.session_cookie).map(Credential::Cookie))
        .or_else(|| present(credentials.workos_cookie).map(Credential::Workos))
        .or_else(|| present(credentials.clerk_cookie).map(Credential::ClerkCookie))
}

/// What a bearer token claims to be, by its beginning or its unverified header. Nothing is believed
/// by that: it is checked as what it claims to be, and as nothing else.
fn bearer(token: String) -> Credential {
    if api_key::is_claimed(&token) {
        return Credential::ApiKey(token);
    }
    // Ours are signed with HS256.
    let clerk = token.len() <= MAX_CREDENTIAL_BYTES
        && jsonwebtoken::decode_header(&token).is_ok_and(|header| header.alg == Algorithm::RS256);
    if clerk {
        Credential::ClerkBearer(token)
    } else {
        Credential::Token(token)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn all() -> Credentials {
        Credentials {
            bearer: Some("bearer".to_owned()),
            api_key: Some("key".to_owned()),
            session_cookie: Some("cookie".to_owned()),
            workos_cookie: Some("workos".to_owned()),
            clerk_cookie: Some("clerk".to_owned()),
        }
    }

    #[test]
    fn the_first_counts_and_empty_ones_do_not() {
        let mut credentials = all();
        let counts = |credentials: &Credentials| choose(credentials.clone());
        let bearer = Credential::Token("bearer".to_owned());
        assert_eq!(counts(&credentials), Some(bearer));
        credentials.bearer = Some(String::new());
        let key = Credential::ApiKey("key".to_owned());
        assert_eq!(counts(&credentials), Some(key));
        credentials.api_key = None;
        let cookie = Credential::Cookie("cookie".to_owned());
        assert_eq!(counts(&credentials), Some(cookie));
        credentials.session_cookie = Some(String::new());
        let workos = Credential::Workos("workos".to_owned());
        assert_eq!(counts(&credentials), Some(workos));
        credentials.workos_cookie = None;
        let clerk = Credential::ClerkCookie("clerk".to_owned());
        assert_eq!(counts(&credentials), Some(clerk));
        credentials.clerk_cookie = Some(String::new());
        assert_eq!(counts(&credentials), None);
    }

    #[test]
    fn a_bearer_is_told_by_what_it_claims_to_be() {
        let token = |header: &str| format!("{}.e30.AA", URL_SAFE_NO_PAD.encode(header));
        let clerk = token(r#"{"alg":"RS256","kid":"a"}"#);
        assert_eq!(bearer(clerk.clone()), Credential::ClerkBearer(clerk));
        for ours in [
            token(r#"{"alg":"HS256"}"#),
            token(r#"{"alg":"none"}"#),
            token(r#"{"alg":"ES256"}"#),
            token("{}"),
            "x".to_owned(),
            format!("{}.e30.", "A".repeat(MAX_CREDENTIAL_BYTES)),
        ] {
            assert_eq!(bearer(ours.clone()), Credential::Token(ours));
        }
        let key = "gf_x".to_owned();
        assert_eq!(bearer(key.clone()), Credential::ApiKey(key));
    }
}
