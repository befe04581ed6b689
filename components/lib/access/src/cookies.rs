//! The cookies that this application sets (RFC 6265).
//!
//! The names have no `__Host-` prefix: it requires `Secure`, which plain HTTP on localhost does not
//! allow, and clients would have to look for two names. What the prefix guarantees (no `Domain`,
//! `Path=/`) holds for the session cookie anyway.

use http_edge::Context;

use crate::{
    address::is_https,
    credentials::{SESSION_COOKIE, WORKOS_COOKIE},
};

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

/// Set beside a session cookie that ends with the browser session, so that its renewals do too.
const BROWSER_SESSION_COOKIE: &str = "goldfish-brief";

/// Sets the session cookie.
pub fn set_session(context: &mut Context, value: &str, lifetime: Lifetime) {
    set(context, SESSION_COOKIE, value, "/", lifetime);
    if let Lifetime::BrowserSession = lifetime {
        set(context, BROWSER_SESSION_COOKIE, "1", "/", lifetime);
    } else if ends_with_browser(context) {
        set(context, BROWSER_SESSION_COOKIE, "", "/", Lifetime::Expired);
    }
}

/// Sets a renewed session cookie with the same kind of lifetime as before.
pub(crate) fn renew_session(context: &mut Context, value: &str) {
    let lifetime = if ends_with_browser(context) {
        Lifetime::BrowserSession
    } else {
        Lifetime::Seconds(SESSION_SECONDS)
    };
    set(context, SESSION_COOKIE, value, "/", lifetime);
}

fn ends_with_browser(context: &Context) -> bool {
    context.head.cookie(BROWSER_SESSION_COOKIE) == Some("1")
}

/// Deletes the session cookies. Includes the WorkOS cookie, which would keep the user signed in.
pub fn clear_sessions(context: &mut Context) {
    set(context, SESSION_COOKIE, "", "/", Lifetime::Expired);
    for name in [WORKOS_COOKIE, BROWSER_SESSION_COOKIE] {
        if context.head.cookie(name).is_some() {
            set(context, name, "", "/", Lifetime::Expired);
        }
    }
}

/// Sets the cookie that holds a WorkOS session.
pub(crate) fn set_workos(context: &mut Context, value: &str) {
    let lifetime = Lifetime::Seconds(WORKOS_SECONDS);
    set(context, WORKOS_COOKIE, value, "/", lifetime);
}

/// Sets a cookie that scripts cannot read (`HttpOnly`) and that other sites' requests do not carry
/// (`SameSite=Lax`). `Secure` only over TLS, because some clients drop such a cookie over plain HTTP
/// on localhost.
pub fn set(context: &mut Context, name: &'static str, value: &str, path: &str, lifetime: Lifetime) {
    if let Some(line) = line(name, value, path, lifetime, is_https(context)) {
        context.set_cookie(name, line);
    }
}

/// The value of `Set-Cookie`. None if `value` is not allowed in a cookie.
fn line(name: &str, value: &str, path: &str, lifetime: Lifetime, https: bool) -> Option<String> {
    // RFC 6265, section 4.1.1: cookie-octet.
    let valid = value
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte));
    let age = match lifetime {
        Lifetime::Seconds(seconds) => format!("; Max-Age={seconds}"),
        Lifetime::BrowserSession => String::new(),
        Lifetime::Expired => "; Max-Age=0".to_owned(),
    };
    let secure = if https { "; Secure" } else { "" };
    valid.then(|| format!("{name}={value}; Path={path}{age}; HttpOnly; SameSite=Lax{secure}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_for_lifetime_and_transport_has_the_attributes() {
        assert_eq!(
            line("a", "b.c", "/", Lifetime::Seconds(90), false).as_deref(),
            Some("a=b.c; Path=/; Max-Age=90; HttpOnly; SameSite=Lax")
        );
        assert_eq!(
            line("a", "b", "/x", Lifetime::BrowserSession, true).as_deref(),
            Some("a=b; Path=/x; HttpOnly; SameSite=Lax; Secure")
        );
        assert_eq!(
            line("a", "", "/", Lifetime::Expired, false).as_deref(),
            Some("a=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax")
        );
    }

    #[test]
    fn line_with_invalid_value_is_none() {
        for value in ["a; Domain=evil.example", "a\r\nx: y", "a b", "\"", "é"] {
            assert_eq!(line("a", value, "/", Lifetime::BrowserSession, false), None);
        }
        assert!(
            line(
                "a",
                "Fe26.2*1*ab*c_-~2",
                "/",
                Lifetime::BrowserSession,
                false
            )
            .is_some()
        );
    }
}
