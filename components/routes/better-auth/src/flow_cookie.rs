//! The cookies that hold sealed OAuth flows. Each attempt has its own, named after its state, so that
//! several tabs can sign in at the same time.

use access::cookies::{self, Kind, Lifetime};
use http_edge::Context;

/// The cookies' path.
const PATH: &str = "/api/auth";
/// Lifetime of a flow, in seconds.
const FLOW_SECONDS: u64 = 600;
/// Characters of the state in the name of its cookie.
const STATE_CHARS: usize = 16;
/// Maximum number of flows in one browser. Beyond it the oldest is forgotten.
const MAX_FLOWS: usize = 4;

/// Stores the sealed flow of a state.
pub(crate) fn set(context: &mut Context, state: &str, sealed: &str) {
    for oldest in surplus(context) {
        expire(context, &oldest);
    }
    if let Some(name) = name(context, state) {
        let lifetime = Lifetime::Seconds(FLOW_SECONDS);
        cookies::set(context, &name, sealed, PATH, lifetime, Kind::Flow);
    }
}

/// The sealed flow of a state.
pub(crate) fn get(context: &Context, state: &str) -> Option<String> {
    let name = name(context, state)?;
    context.head.cookie(&name).map(str::to_owned)
}

/// Deletes the flow of a state.
pub(crate) fn clear(context: &mut Context, state: &str) {
    if let Some(name) = name(context, state) {
        expire(context, &name);
    }
}

fn expire(context: &mut Context, name: &str) {
    cookies::set(context, name, "", PATH, Lifetime::Expired, Kind::Flow);
}

/// The name of the cookie of a state. None if it is not a state of this application.
fn name(context: &Context, state: &str) -> Option<String> {
    let id = state.get(..STATE_CHARS)?;
    let valid = id
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    valid.then(|| format!("{}{id}", prefix(context)))
}

fn prefix(context: &Context) -> String {
    cookies::name(context, "oauth-")
}

/// The cookies to forget before another one is set. Browsers send older cookies first (RFC 6265,
/// section 5.4).
fn surplus(context: &Context) -> Vec<String> {
    let prefix = prefix(context);
    let mut names: Vec<String> = context
        .head
        .cookies()
        .map(|(name, _)| name)
        .filter(|name| name.starts_with(&prefix))
        .map(str::to_owned)
        .collect();
    let surplus = names.len().saturating_add(1).saturating_sub(MAX_FLOWS);
    names.truncate(surplus);
    names
}
