//! The credentials that a request carries.

use contracts::identity::types::Credentials;
use http_edge::Head;
use percent_encoding::percent_decode_str;

/// The cookie that holds an access token of ours.
pub const SESSION_COOKIE: &str = "goldfish-session";
/// The cookie that holds a session sealed by WorkOS' SDK.
const WORKOS_COOKIE: &str = "wos-session";

/// What is there, unverified. Of a credential that is there twice the first counts.
pub(crate) fn of(head: &Head) -> Credentials {
    Credentials {
        bearer: head.header("authorization").and_then(bearer),
        session_cookie: cookie(head, SESSION_COOKIE),
        workos_cookie: cookie(head, WORKOS_COOKIE),
    }
}

/// The token of `Bearer <token>`; the scheme has no case (RFC 9110, section 11.1).
fn bearer(value: &str) -> Option<String> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| token.to_owned())
}

/// Frameworks percent-encode cookie values; ours and WorkOS' are the same decoded or not.
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
    fn finds_each_kind() {
        let found = of(&head(&[
            ("authorization", "bEaReR  a.b.c "),
            ("cookie", "goldfish-session=x%2Ey; wos-session=Fe26.2%2A1~2"),
        ]));
        assert_eq!(found.bearer.as_deref(), Some("a.b.c"));
        assert_eq!(found.session_cookie.as_deref(), Some("x.y"));
        assert_eq!(found.workos_cookie.as_deref(), Some("Fe26.2*1~2"));
    }

    #[test]
    fn other_schemes_and_empty_values_are_none() {
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
}
