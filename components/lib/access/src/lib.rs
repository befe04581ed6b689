//! Who may come in, and how often: from a request's credentials to a user, and past the rate
//! limits.
//!
//! May import the contracts `goldfish:identity` and `goldfish:quota`, and `http-edge`.

mod address;
mod credentials;

use contracts::{
    identity::{
        authentication,
        types::{Credentials, User},
    },
    quota::limits::{self, Action, Allowance, Refusal},
};
use http_edge::{ApiError, Context};

pub use address::{client_address, is_https};
pub use credentials::SESSION_COOKIE;

/// Refuses a script of a foreign site (403): its request would carry the user's cookies (CSRF).
/// A request without `Origin` is not of a browser's script, or is a safe one.
pub fn require_own_site(context: &Context) -> Result<(), ApiError> {
    match context.head.origin() {
        Some(origin) if !context.is_allowed_origin(origin) => Err(ApiError::Forbidden(
            "Requests from this origin are not allowed.",
        )),
        _ => Ok(()),
    }
}

/// The user that the request's credentials prove (401 if none). Cookies, which browsers add by
/// themselves, count for a change only if it comes from one of our own sites.
pub async fn authenticate(context: &mut Context) -> Result<User, ApiError> {
    let credentials = credentials::of(&context.head);
    if credentials.bearer.is_none() && has_cookie(&credentials) && !context.head.is_safe() {
        require_own_site(context)?;
    }
    let user = authentication::authenticate(credentials)
        .await
        .map_err(failures::identity)?;
    context.log.user(&user.id);
    Ok(user)
}

fn has_cookie(credentials: &Credentials) -> bool {
    credentials.session_cookie.is_some() || credentials.workos_cookie.is_some()
}

/// The signed-in user of an ordinary request, counted against the limit of these.
pub async fn signed_in(context: &mut Context) -> Result<User, ApiError> {
    let user = authenticate(context).await?;
    admit(context, Action::Api, &user.id).await?;
    Ok(user)
}

/// Counts an action of a subject and tells the client where it stands; 429 beyond the limit.
pub async fn admit(context: &mut Context, action: Action, subject: &str) -> Result<(), ApiError> {
    let verdict = limits::admit(action, subject.to_owned()).await;
    note(context, verdict)
}

/// The second half of [`admit`], for a route that asks while it does something else.
pub fn note(context: &mut Context, verdict: Result<Allowance, Refusal>) -> Result<(), ApiError> {
    match verdict {
        Ok(allowance) => {
            tell(context, &allowance);
            Ok(())
        }
        Err(Refusal::Exceeded(allowance)) => {
            tell(context, &allowance);
            // A client that is told 0 would come back at once.
            Err(ApiError::RateLimited(allowance.reset_after.max(1)))
        }
        Err(Refusal::Unavailable(cause)) => Err(ApiError::internal(cause)),
    }
}

fn tell(context: &mut Context, allowance: &Allowance) {
    if allowance.limit == 0 {
        return;
    }
    context.set_header("ratelimit-limit", allowance.limit.to_string());
    context.set_header("ratelimit-remaining", allowance.remaining.to_string());
    context.set_header("ratelimit-reset", allowance.reset_after.to_string());
}
