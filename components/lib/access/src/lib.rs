//! Who may come in, and how often: from a request's credentials to a user, and past the rate
//! limits; and the cookies that keep a user signed in.
//!
//! May import the contracts `goldfish:identity` and `goldfish:quota`, the types of
//! `goldfish:accounts`, and `http-edge`.

mod address;
pub mod cookies;
mod credentials;

use contracts::{
    identity::{
        authentication, external,
        types::{AuthError, Principal, Proof, Scope},
    },
    quota::limits::{self, Action, Allowance},
};
use http_edge::{ApiError, Context};
use sha2::{Digest as _, Sha256};

pub use address::{client, client_address, is_https};

/// Refuses a script of a foreign site (403): its request would carry the user's cookies (CSRF).
/// A request without `Origin` is not of a browser's script or form, or is a safe one, unless the
/// browser says otherwise (Fetch Metadata).
pub fn require_own_site(context: &Context) -> Result<(), ApiError> {
    let is_own = match context.head.origin() {
        Some(origin) => context.is_own_site(origin),
        None => context.head.header("sec-fetch-site") != Some("cross-site"),
    };
    if is_own {
        return Ok(());
    }
    Err(ApiError::Forbidden(
        "Requests from this origin are not allowed.",
    ))
}

/// Who the request's credentials prove to be asking (401 if nobody). Cookies, which browsers add by
/// themselves, count for a change only if it comes from one of our own sites. A cookie that was
/// renewed on the way goes into the answer.
pub async fn authenticate(context: &mut Context) -> Result<Principal, ApiError> {
    try_authenticate(context)
        .await?
        .map_err(error_mapping::identity)
}

/// The same for a route that has an answer of its own for people who are not signed in.
pub async fn try_authenticate(
    context: &mut Context,
) -> Result<Result<Principal, AuthError>, ApiError> {
    let credentials = credentials::of(&context.head);
    if credentials::only_cookies(&credentials) && !context.head.is_safe() {
        require_own_site(context)?;
    }
    let found = authentication::authenticate(credentials).await;
    if let Ok(principal) = &found {
        context.log.user(&principal.user.id);
        renew_cookie(context, principal);
    }
    Ok(found)
}

/// Has the browser forget cookies that were refused; not if something else was, which comes before
/// them.
pub fn forget_refused(context: &mut Context) {
    if credentials::only_cookies(&credentials::of(&context.head)) {
        cookies::forget_sessions(context);
    }
}

fn renew_cookie(context: &mut Context, principal: &Principal) {
    let Some(value) = &principal.renewed_cookie else {
        return;
    };
    match principal.proof {
        Proof::Session(_) => cookies::renew_session(context, value),
        Proof::Workos(_) => cookies::set_workos(context, value),
        Proof::ApiKey(_) | Proof::Clerk(_) => {}
    }
}

/// Ends the WorkOS or Clerk session that the request's credentials prove. Answers where to send the
/// browser so that the provider forgets it too.
pub async fn sign_out_externally(context: &Context) -> Result<Option<String>, ApiError> {
    external::sign_out(credentials::of(&context.head))
        .await
        .map_err(error_mapping::identity)
}

/// Refuses an API key without that scope (403). Sessions have all.
pub fn require_scope(principal: &Principal, scope: Scope) -> Result<(), ApiError> {
    match &principal.proof {
        Proof::ApiKey(grant) if !grant.scopes.contains(&scope) => {
            Err(ApiError::Forbidden(match scope {
                Scope::Read => "This API key lacks the scope `read`.",
                Scope::Chat => "This API key lacks the scope `chat`.",
                Scope::Write => "This API key lacks the scope `write`.",
                Scope::Admin => "This API key lacks the scope `admin`.",
            }))
        }
        _ => Ok(()),
    }
}

/// The signed-in user of an ordinary request, counted against the limit of these. An API key needs
/// the scope `read`, or `write` for what is a change.
pub async fn signed_in(context: &mut Context) -> Result<Principal, ApiError> {
    let scope = if context.head.is_safe() {
        Scope::Read
    } else {
        Scope::Write
    };
    allowed(context, scope).await
}

/// The same for what concerns the account itself; an API key needs the scope `admin`.
pub async fn account_holder(context: &mut Context) -> Result<Principal, ApiError> {
    allowed(context, Scope::Admin).await
}

async fn allowed(context: &mut Context, scope: Scope) -> Result<Principal, ApiError> {
    let principal = authenticate(context).await?;
    require_scope(&principal, scope)?;
    admit(context, Action::Api, &principal.user.id).await?;
    Ok(principal)
}

/// Counts a sign-in, or what is like it, of the client's address: before there is a user, that is
/// what counts.
pub async fn admit_address(context: &mut Context) -> Result<(), ApiError> {
    let address = client_address(context);
    admit(context, Action::Auth, &address).await
}

/// Letters a minute and address.
const EMAILS_PER_MINUTE: u32 = 3;

/// Counts a password offered for an email address, before anything is done with it. The store sees
/// a hash only.
pub async fn admit_password(context: &mut Context, email: &str) -> Result<(), ApiError> {
    let subject = format!("email_{}", hash_of(email));
    admit(context, Action::Password, &subject).await
}

/// Counts a letter asked for to an email address.
pub async fn admit_email(context: &mut Context, email: &str) -> Result<(), ApiError> {
    let subject = format!("letter_{}", hash_of(email));
    let verdict = limits::admit(Action::Password, subject, Some(EMAILS_PER_MINUTE)).await;
    apply_rate_limit(context, verdict)
}

fn hash_of(email: &str) -> String {
    format!("{:x}", Sha256::digest(email.trim().to_lowercase()))
}

/// Counts an action of a subject and tells the client where it stands; 429 beyond the limit.
pub async fn admit(context: &mut Context, action: Action, subject: &str) -> Result<(), ApiError> {
    let verdict = limits::admit(action, subject.to_owned(), None).await;
    apply_rate_limit(context, verdict)
}

/// The second half of [`admit`], for a route that asks while it does something else.
pub fn apply_rate_limit(
    context: &mut Context,
    verdict: Result<Allowance, limits::Error>,
) -> Result<(), ApiError> {
    match verdict {
        Ok(allowance) => {
            set_rate_limit_headers(context, &allowance);
            Ok(())
        }
        Err(limits::Error::Exceeded(allowance)) => {
            set_rate_limit_headers(context, &allowance);
            // A client that is told 0 would come back at once.
            Err(ApiError::RateLimited(allowance.reset_after.max(1)))
        }
        Err(limits::Error::Unavailable(cause)) => Err(ApiError::internal(cause)),
    }
}

fn set_rate_limit_headers(context: &mut Context, allowance: &Allowance) {
    if allowance.limit == 0 {
        return;
    }
    context.set_header("ratelimit-limit", allowance.limit.to_string());
    context.set_header("ratelimit-remaining", allowance.remaining.to_string());
    context.set_header("ratelimit-reset", allowance.reset_after.to_string());
}
