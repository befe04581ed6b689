//! The cookies that this application sets (RFC 6265).
//!
//! The names have no `__Host-` prefix: it requires `Secure`, which plain HTTP on localhost does not
//! allow, and clients would have to look for two names. Unless `cookie_domain` is set, what the prefix
//! guarantees (no `Domain`, `Path=/`) holds for the session cookie anyway.

use http_edge::{Context, CookieSettings, SameSite};

use crate::{address::is_https, credentials::WORKOS_COOKIE};

/// Lifetime of the session cookie, in seconds: 30 days, as long as an unused session.
pub const SESSION_SECONDS: u64 = 30 * 24 * 60 * 60;
/// Lifetime of a renewed WorkOS cookie, in seconds: 400 days, the limit of browsers, as in WorkOS'
/// SDKs.
const WORKOS_SECONDS: u64 = 400 * 24 * 60 * 60;

/// How long a browser keeps a cookie.
#[derive(Clone, Copy, Debug)]
pub enum Lifetime {
    /// `Max-Age` in seconds.
    Seconds(u64),
    /// Until the browser is closed.
    BrowserSession,
    /// The browser deletes the cookie.
    Expired,
}

/// Which requests carry a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A session cookie: as the variables say.
    Session,
    /// The state of a sign-in at another site, which redirects the browser back: never `Strict`, and
    /// never partitioned, because it is read as a first party.
    Flow,
}

/// Name of the session cookie after the prefix.
const SESSION: &str = "session";
/// Name of the cookie beside a session cookie that ends with the browser session, so that its renewals
/// do too.
const BROWSER_SESSION: &str = "brief";

/// The name of a cookie: the prefix of the variable `cookie_prefix`, and `name`.
pub fn name(context: &Context, name: &str) -> String {
    format!("{}-{name}", context.settings.cookies.prefix)
}

/// The name of the session cookie.
pub(crate) fn session_name(context: &Context) -> String {
    name(context, SESSION)
}

/// Sets the session cookie.
pub fn set_session(context: &mut Context, value: &str, lifetime: Lifetime) {
    let session = session_name(context);
    set(context, &session, value, "/", lifetime, Kind::Session);
    let marker = name(context, BROWSER_SESSION);
    if let Lifetime::BrowserSession = lifetime {
        set(context, &marker, "1", "/", lifetime, Kind::Session);
    } else if ends_with_browser(context) {
        set(context, &marker, "", "/", Lifetime::Expired, Kind::Session);
    }
}

/// Sets a renewed session cookie with the same kind of lifetime as before.
pub(crate) fn renew_session(context: &mut Context, value: &str) {
    let lifetime = if ends_with_browser(context) {
        Lifetime::BrowserSession
    } else {
        Lifetime::Seconds(SESSION_SECONDS)
    };
    let session = session_name(context);
    set(context, &session, value, "/", lifetime, Kind::Session);
}

fn ends_with_browser(context: &Context) -> bool {
    context.head.cookie(&name(context, BROWSER_SESSION)) == Some("1")
}

/// Deletes the session cookies. Includes the WorkOS cookie, which would keep the user signed in.
pub fn clear_sessions(context: &mut Context) {
    let session = session_name(context);
    set(context, &session, "", "/", Lifetime::Expired, Kind::Session);
    for other in [WORKOS_COOKIE.to_owned(), name(context, BROWSER_SESSION)] {
        if context.head.cookie(&other).is_some() {
            set(context, &other, "", "/", Lifetime::Expired, Kind::Session);
        }
    }
}

/// Sets the cookie that holds a WorkOS session.
pub(crate) fn set_workos(context: &mut Context, value: &str) {
    let lifetime = Lifetime::Seconds(WORKOS_SECONDS);
    set(context, WORKOS_COOKIE, value, "/", lifetime, Kind::Session);
}

/// Sets a cookie that scripts cannot read (`HttpOnly`). `SameSite`, `Domain` and `Partitioned` follow
/// the variables. `Secure` only over TLS and with `SameSite=None`, because some clients drop such a
/// cookie over plain HTTP on localhost.
pub fn set(
    context: &mut Context,
    name: &str,
    value: &str,
    path: &str,
    lifetime: Lifetime,
    kind: Kind,
) {
    let https = is_https(context);
    let attributes = attributes(&context.settings.cookies, kind, https);
    if let Some(line) = line(name, value, path, lifetime, &attributes) {
        context.set_cookie(name, line);
    }
}

/// The attributes that do not depend on the cookie.
fn attributes(settings: &CookieSettings, kind: Kind, https: bool) -> String {
    let is_session = kind == Kind::Session;
    let same_site = match settings.same_site {
        SameSite::Strict if is_session => "Strict",
        SameSite::None => "None",
        SameSite::Strict | SameSite::Lax => "Lax",
    };
    let mut text = format!("; HttpOnly; SameSite={same_site}");
    if https || settings.same_site == SameSite::None {
        text.push_str("; Secure");
    }
    if let Some(domain) = settings.domain.as_ref().filter(|_| is_session) {
        text.push_str("; Domain=");
        text.push_str(domain);
    }
    if settings.partitioned && is_session {
        text.push_str("; Partitioned");
    }
    text
}

/// The value of `Set-Cookie`. None if `value` is not allowed in a cookie.
fn line(
    name: &str,
    value: &str,
    path: &str,
    lifetime: Lifetime,
    attributes: &str,
) -> Option<String> {
    // RFC 6265, section 4.1.1: cookie-octet.
    let valid = value
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte));
    let age = match lifetime {
        Lifetime::Seconds(seconds) => format!("; Max-Age={seconds}"),
        Lifetime::BrowserSession => String::new(),
        Lifetime::Expired => "; Max-Age=0".to_owned(),
    };
    valid.then(|| format!("{name}={value}; Path={path}{age}{attributes}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_for_each_lifetime_has_its_age() {
        assert_eq!(
            line("a", "b.c", "/", Lifetime::Seconds(90), "; HttpOnly").as_deref(),
            Some("a=b.c; Path=/; Max-Age=90; HttpOnly")
        );
        assert_eq!(
            line("a", "b", "/x", Lifetime::BrowserSession, "").as_deref(),
            Some("a=b; Path=/x")
        );
        assert_eq!(
            line("a", "", "/", Lifetime::Expired, "").as_deref(),
            Some("a=; Path=/; Max-Age=0")
        );
    }

    #[test]
    fn attributes_follow_the_settings_the_kind_and_the_transport() {
        let settings = |same_site, domain: Option<&str>, partitioned| CookieSettings {
            same_site,
            domain: domain.map(str::to_owned),
            partitioned,
            ..CookieSettings::default()
        };
        let (session, flow) = (Kind::Session, Kind::Flow);
        for (settings, kind, https, expected) in [
            (CookieSettings::default(), session, false, "SameSite=Lax"),
            (
                CookieSettings::default(),
                session,
                true,
                "SameSite=Lax; Secure",
            ),
            (
                settings(SameSite::Strict, None, false),
                session,
                false,
                "SameSite=Strict",
            ),
            // The provider's redirect would not carry a strict cookie.
            (
                settings(SameSite::Strict, None, false),
                flow,
                false,
                "SameSite=Lax",
            ),
            (
                settings(SameSite::None, None, false),
                session,
                false,
                "SameSite=None; Secure",
            ),
            (
                settings(SameSite::None, Some("example.com"), true),
                session,
                true,
                "SameSite=None; Secure; Domain=example.com; Partitioned",
            ),
            (
                settings(SameSite::None, Some("example.com"), true),
                flow,
                true,
                "SameSite=None; Secure",
            ),
        ] {
            let expected = format!("; HttpOnly; {expected}");
            assert_eq!(attributes(&settings, kind, https), expected);
        }
    }

    #[test]
    fn line_with_invalid_value_is_none() {
        for value in ["a; Domain=evil.example", "a\r\nx: y", "a b", "\"", "é"] {
            assert_eq!(line("a", value, "/", Lifetime::BrowserSession, ""), None);
        }
        assert!(line("a", "Fe26.2*1*ab*c_-~2", "/", Lifetime::BrowserSession, "").is_some());
    }
}
