//! The cookies that we set (RFC 6265).
//!
//! None has the prefix `__Host-`: it needs `Secure`, and so would not do over plain HTTP on
//! localhost, nor could a client look for one name in both places. What the prefix promises, no
//! `Domain` and `Path=/`, holds for the session's cookie by the way it is made here.

use http_edge::Context;

use crate::{
    address::is_https,
    credentials::{SESSION_COOKIE, WORKOS_COOKIE},
};

/// Seconds that a session's cookie is kept: as long as the session goes on unless it is used, 30
/// days.
pub const SESSION_SECONDS: u64 = 30 * 24 * 60 * 60;
/// Seconds that a renewed WorkOS cookie is kept: as WorkOS' own SDKs do, the 400 days that browsers
/// keep any cookie at most.
const WORKOS_SECONDS: u64 = 400 * 24 * 60 * 60;

/// How a cookie is to be kept.
#[derive(Clone, Copy, Debug)]
pub enum Keep {
    /// For so many seconds.
    For(u64),
    /// Until the browser is closed.
    WhileOpen,
    /// No longer.
    Forget,
}

/// Set beside a session's cookie that is not to outlive the browser, so that it does not when it is
/// renewed either. Holds nothing.
const BRIEF_COOKIE: &str = "goldfish-brief";

/// Sets the session's cookie.
pub fn set_session(context: &mut Context, value: &str, keep: Keep) {
    set(context, SESSION_COOKIE, value, "/", keep);
    if let Keep::WhileOpen = keep {
        set(context, BRIEF_COOKIE, "1", "/", keep);
    } else if is_brief(context) {
        set(context, BRIEF_COOKIE, "", "/", Keep::Forget);
    }
}

/// Sets the session's cookie anew, to be kept as it was.
pub(crate) fn renew_session(context: &mut Context, value: &str) {
    let keep = if is_brief(context) {
        Keep::WhileOpen
    } else {
        Keep::For(SESSION_SECONDS)
    };
    set(context, SESSION_COOKIE, value, "/", keep);
}

fn is_brief(context: &Context) -> bool {
    context.head.cookie(BRIEF_COOKIE) == Some("1")
}

/// Forgets the session's cookie, and the others there are: with WorkOS' left, the user would be
/// signed in still.
pub fn forget_sessions(context: &mut Context) {
    set(context, SESSION_COOKIE, "", "/", Keep::Forget);
    for name in [WORKOS_COOKIE, BRIEF_COOKIE] {
        if context.head.cookie(name).is_some() {
            set(context, name, "", "/", Keep::Forget);
        }
    }
}

/// Sets the cookie that holds a WorkOS session.
pub(crate) fn set_workos(context: &mut Context, value: &str) {
    set(
        context,
        WORKOS_COOKIE,
        value,
        "/",
        Keep::For(WORKOS_SECONDS),
    );
}

/// Sets a cookie that scripts cannot read and foreign sites' forms and scripts do not send along.
/// Over plain HTTP, as on localhost, it is not `Secure`, so that every client keeps it there.
pub fn set(context: &mut Context, name: &'static str, value: &str, path: &str, keep: Keep) {
    if let Some(line) = line(name, value, path, keep, is_https(context)) {
        context.set_cookie(name, line);
    }
}

/// None if the value cannot stand in a cookie.
fn line(name: &str, value: &str, path: &str, keep: Keep, https: bool) -> Option<String> {
    // RFC 6265, section 4.1.1: cookie-octet.
    let good = value
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte));
    let age = match keep {
        Keep::For(seconds) => format!("; Max-Age={seconds}"),
        Keep::WhileOpen => String::new(),
        Keep::Forget => "; Max-Age=0".to_owned(),
    };
    let secure = if https { "; Secure" } else { "" };
    good.then(|| format!("{name}={value}; Path={path}{age}; HttpOnly; SameSite=Lax{secure}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_follow_the_transport_and_the_life() {
        assert_eq!(
            line("a", "b.c", "/", Keep::For(90), false).as_deref(),
            Some("a=b.c; Path=/; Max-Age=90; HttpOnly; SameSite=Lax")
        );
        assert_eq!(
            line("a", "b", "/x", Keep::WhileOpen, true).as_deref(),
            Some("a=b; Path=/x; HttpOnly; SameSite=Lax; Secure")
        );
        assert_eq!(
            line("a", "", "/", Keep::Forget, false).as_deref(),
            Some("a=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax")
        );
    }

    #[test]
    fn no_value_becomes_an_attribute_or_a_field() {
        for value in ["a; Domain=evil.example", "a\r\nx: y", "a b", "\"", "é"] {
            assert_eq!(line("a", value, "/", Keep::WhileOpen, false), None);
        }
        assert!(line("a", "Fe26.2*1*ab*c_-~2", "/", Keep::WhileOpen, false).is_some());
    }
}
