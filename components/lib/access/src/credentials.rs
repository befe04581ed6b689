//! The credentials of a request.

use contracts::identity::types::Credentials;
use http_edge::Head;
use percent_encoding::percent_decode_str;

/// The session cookie.
pub(crate) const SESSION_COOKIE: &str = "goldfish-session";
/// The cookie that holds a session sealed by WorkOS' SDK.
pub(crate) const WORKOS_COOKIE: &str = "wos-session";
/// The cookie that holds a Clerk session token.
const CLERK_COOKIE: &str = "__session";

/// The credentials of a request, unverified. Of a repeated credential, the first.
pub(crate) fn of(head: &Head) -> Credentials {
    Credentials {
        bearer: head.header("authorization").and_then(bearer),
        api_key: head
            .header("x-api-key")
            .filter(|key| !key.is_empty())
            .map(str::to_owned),
        session_cookie: cookie(head, SESSION_COOKIE),
        workos_cookie: cookie(head, WORKOS_COOKIE),
        clerk_cookie: cookie(head, CLERK_COOKIE),
    }
}

/// Whether cookies are the only credentials. Browsers attach them to requests of any site.
pub(crate) fn only_cookies(credentials: &Credentials) -> bool {
    let has_header = credentials.bearer.is_some() || credentials.api_key.is_some();
    let has_cookie = credentials.session_cookie.is_some()
        || credentials.workos_cookie.is_some()
        || credentials.clerk_cookie.is_some();
    has_cookie && !has_header
}

/// The token of `Bearer <token>`. The scheme is case-insensitive (RFC 9110, section 11.1).
fn bearer(value: &str) -> Option<String> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| token.to_owned())
}

/// A cookie's value, percent-decoded, because some frameworks encode it. Session and WorkOS cookies
/// contain no `%` themselves.
fn cookie(head: &Head, name: &str) -> Option<String> {
    let value = head.cookie(name).filter(|value| !value.is_empty())?;
    let decoded = percent_decode_str(value).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(headers: &[(&str, &str)]) -> Head {
        Head {
            headers: headers
                .iter()
                .map(|(k, v)| ((*k).to_owned(), v.as_bytes().to_vec()))
                .collect(),
            ..Head::default()
        }
    }

    #[test]
    fn of_request_with_all_credentials_finds_each() {
        let found = of(&head(&[
            ("authorization", "bEaReR  a.b.c "),
            ("X-API-Key", "gf_1"),
            (
                "cookie",
                "goldfish-session=x%2Ey; wos-session=Fe26.2%2A1~2; __session=c.d.e",
            ),
        ]));
        assert_eq!(found.bearer.as_deref(), Some("a.b.c"));
        assert_eq!(found.session_cookie.as_deref(), Some("x.y"));
        assert_eq!(found.workos_cookie.as_deref(), Some("Fe26.2*1~2"));
        assert_eq!(found.api_key.as_deref(), Some("gf_1"));
        assert_eq!(found.clerk_cookie.as_deref(), Some("c.d.e"));
    }

    #[test]
    fn of_other_schemes_and_empty_values_is_none() {
        for value in ["Basic abc", "Bearer", "Bearer ", "", "token"] {
            assert!(
                of(&head(&[("authorization", value)])).bearer.is_none(),
                "{value}"
            );
        }
        let found = of(&head(&[("cookie", "goldfish-session=; wos-session=%ff")]));
        assert!(found.session_cookie.is_none());
        assert!(found.workos_cookie.is_none());
    }

    #[test]
    fn only_cookies_with_explicit_credential_is_false() {
        let cookie = ("cookie", "goldfish-session=x");
        assert!(only_cookies(&of(&head(&[cookie]))));
        assert!(only_cookies(&of(&head(&[("cookie", "__session=x")]))));
        assert!(!only_cookies(&of(&head(&[
            cookie,
            ("authorization", "Bearer x")
        ]))));
        assert!(!only_cookies(&of(&head(&[cookie, ("x-api-key", "x")]))));
        assert!(!only_cookies(&of(&head(&[]))));
    }
}
