//! The credentials of a request.

use contracts::identity::types::Credentials;
use http_edge::Head;
use percent_encoding::percent_decode_str;

/// The cookie that holds a session sealed by WorkOS' SDK.
pub(crate) const WORKOS_COOKIE: &str = "wos-session";
/// The cookie that holds a Clerk session token. Clerk also sets it with a suffix of the application.
const CLERK_COOKIE: &str = "__session";
const CLERK_COOKIE_PREFIX: &str = "__session_";
/// Maximum number of cookies of one kind that are verified.
const MAX_COOKIES: usize = 4;

/// The credentials of a request, unverified. `session_cookie` is the name of the session cookie.
pub(crate) fn of(head: &Head, session_cookie: &str) -> Credentials {
    let is_clerk = |name: &str| name == CLERK_COOKIE || name.starts_with(CLERK_COOKIE_PREFIX);
    Credentials {
        bearer: head.header("authorization").and_then(bearer),
        api_key: head
            .header("x-api-key")
            .filter(|key| !key.is_empty())
            .map(str::to_owned),
        session_cookies: cookies(head, |name| name == session_cookie),
        workos_cookies: cookies(head, |name| name == WORKOS_COOKIE),
        clerk_cookies: cookies(head, is_clerk),
    }
}

/// Whether cookies are the only credentials. Browsers attach them to requests of any site.
pub(crate) fn only_cookies(credentials: &Credentials) -> bool {
    let has_header = credentials.bearer.is_some() || credentials.api_key.is_some();
    let has_cookie = !credentials.session_cookies.is_empty()
        || !credentials.workos_cookies.is_empty()
        || !credentials.clerk_cookies.is_empty();
    has_cookie && !has_header
}

/// The token of `Bearer <token>`. The scheme is case-insensitive (RFC 9110, section 11.1).
fn bearer(value: &str) -> Option<String> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| token.to_owned())
}

/// The different values of cookies, percent-decoded, because some frameworks encode them. Session and
/// WorkOS cookies contain no `%` themselves. A browser sends several cookies of one name if they have
/// different paths or domains.
fn cookies(head: &Head, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    for (name, value) in head.cookies() {
        if values.len() >= MAX_COOKIES {
            break;
        }
        if value.is_empty() || !is_wanted(name) {
            continue;
        }
        if let Ok(decoded) = percent_decode_str(value).decode_utf8()
            && !values.iter().any(|earlier| *earlier == decoded)
        {
            values.push(decoded.into_owned());
        }
    }
    values
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

    fn of_head(head: &Head) -> Credentials {
        of(head, "goldfish-session")
    }

    #[test]
    fn of_request_with_all_credentials_finds_each() {
        let credentials = of_head(&head(&[
            ("authorization", "bEaReR  a.b.c "),
            ("X-API-Key", "gf_1"),
            (
                "cookie",
                "goldfish-session=x%2Ey; wos-session=Fe26.2%2A1~2; __session=c.d.e",
            ),
        ]));
        assert_eq!(credentials.bearer.as_deref(), Some("a.b.c"));
        assert_eq!(credentials.session_cookies, ["x.y"]);
        assert_eq!(credentials.workos_cookies, ["Fe26.2*1~2"]);
        assert_eq!(credentials.api_key.as_deref(), Some("gf_1"));
        assert_eq!(credentials.clerk_cookies, ["c.d.e"]);
    }

    #[test]
    fn of_other_schemes_and_empty_values_is_none() {
        for value in ["Basic abc", "Bearer", "Bearer ", "", "token"] {
            assert!(
                of_head(&head(&[("authorization", value)])).bearer.is_none(),
                "{value}"
            );
        }
        let credentials = of_head(&head(&[("cookie", "goldfish-session=; wos-session=%ff")]));
        assert!(credentials.session_cookies.is_empty());
        assert!(credentials.workos_cookies.is_empty());
    }

    #[test]
    fn of_request_with_several_cookies_of_one_kind_has_all_of_them() {
        let credentials = of_head(&head(&[
            (
                "cookie",
                "wos-session=old; wos-session=new; wos-session=old",
            ),
            (
                "cookie",
                "__session=a; __session_x1=b; __sessions=c; other-session=d",
            ),
        ]));
        assert_eq!(credentials.workos_cookies, ["old", "new"]);
        assert_eq!(credentials.clerk_cookies, ["a", "b"]);
        assert!(credentials.session_cookies.is_empty());
        let many = "goldfish-session=1; goldfish-session=2; goldfish-session=3; \
                    goldfish-session=4; goldfish-session=5";
        let credentials = of_head(&head(&[("cookie", many)]));
        assert_eq!(credentials.session_cookies.len(), MAX_COOKIES);
    }

    #[test]
    fn of_request_with_other_prefix_ignores_the_session_cookie() {
        let head = head(&[("cookie", "goldfish-session=a; shop-session=b")]);
        assert_eq!(of(&head, "shop-session").session_cookies, ["b"]);
    }

    #[test]
    fn only_cookies_with_explicit_credential_is_false() {
        let cookie = ("cookie", "goldfish-session=x");
        assert!(only_cookies(&of_head(&head(&[cookie]))));
        assert!(only_cookies(&of_head(&head(&[("cookie", "__session=x")]))));
        assert!(!only_cookies(&of_head(&head(&[
            cookie,
            ("authorization", "Bearer x")
        ]))));
        assert!(!only_cookies(&of_head(&head(&[
            cookie,
            ("x-api-key", "x")
        ]))));
        assert!(!only_cookies(&of_head(&head(&[]))));
    }
}
