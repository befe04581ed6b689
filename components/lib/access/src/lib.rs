//! Access control of routes: authentication, scopes of API keys, rate limits, CSRF protection and
//! the session cookies.
//!
//! May import the contracts `goldfish:identity` and `goldfish:quota`, the types of
//! `goldfish:accounts`, and `http-edge`.

mod address;
pub mod cookies;
mod credentials;

use contracts::{
    identity::{
        authentication, external_sessions,
        types::{AuthError, Principal, Proof, Scope},
    },
    quota::limits::{self, Action, Allowance},
};
use http_edge::{ApiError, Context};
use sha2::{Digest as _, Sha256};

pub use address::{client, client_address, is_https};

/// Protects against CSRF: requires that the request comes from a trusted origin (403). A request
/// without `Origin` is accepted unless Fetch Metadata says that another site made it, because
/// browsers send `Origin` with every unsafe request of a script or form.
pub fn require_trusted_origin(context: &Context) -> Result<(), ApiError> {
    let trusted = match context.head.origin() {
        Some(origin) => context.is_own_site(origin),
        None => context.head.header("sec-fetch-site") != Some("cross-site"),
    };
    if trusted {
        return Ok(());
    }
    Err(ApiError::Forbidden(
        "Requests from this origin are not allowed.",
    ))
}

/// Authenticates the request (401). For an unsafe method, cookies are accepted only from a trusted
/// origin, because browsers attach them to requests of any site. Sets a renewed cookie on the
/// response.
pub async fn authenticate(context: &mut Context) -> Result<Principal, ApiError> {
    try_authenticate(context)
        .await?
        .map_err(error_mapping::identity)
}

/// Like [`authenticate`], for a route with its own response to unauthenticated requests.
pub async fn try_authenticate(
    context: &mut Context,
) -> Result<Result<Principal, AuthError>, ApiError> {
    let credentials = credentials::of(&context.head, &cookies::session_name(context));
    if credentials::only_cookies(&credentials) && !context.head.is_safe() {
        require_trusted_origin(context)?;
    }
    let result = authentication::authenticate(credentials).await;
    if let Ok(principal) = &result {
        context.log.user(&principal.user.id);
        renew_cookie(context, principal);
    }
    Ok(result)
}

/// Deletes rejected cookies in the browser. Does nothing if the request carries another credential,
/// because then the cookies were not examined.
pub fn clear_rejected_cookies(context: &mut Context) {
    let credentials = credentials::of(&context.head, &cookies::session_name(context));
    if credentials::only_cookies(&credentials) {
        cookies::clear_sessions(context);
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

/// Ends the WorkOS or Clerk session that the request's credentials prove. Returns the URL to send
/// the browser to so that the provider signs out too.
pub async fn sign_out_external_session(context: &Context) -> Result<Option<String>, ApiError> {
    let session_cookie = cookies::session_name(context);
    external_sessions::sign_out(credentials::of(&context.head, &session_cookie))
        .await
        .map_err(error_mapping::identity)
}

/// Requires a scope of an API key (403). Sessions have all scopes.
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

/// Authenticates the request and counts it against the user's rate limit. An API key needs the scope
/// `read`, or `write` for an unsafe method.
pub async fn require_user(context: &mut Context) -> Result<Principal, ApiError> {
    let scope = if context.head.is_safe() {
        Scope::Read
    } else {
        Scope::Write
    };
    require_user_with_scope(context, scope).await
}

/// Like [`require_user`], for routes that manage the account: an API key needs the scope `admin`.
pub async fn require_account_access(context: &mut Context) -> Result<Principal, ApiError> {
    require_user_with_scope(context, Scope::Admin).await
}

async fn require_user_with_scope(
    context: &mut Context,
    scope: Scope,
) -> Result<Principal, ApiError> {
    let principal = authenticate(context).await?;
    require_scope(&principal, scope)?;
    admit(context, Action::Api, &principal.user.id).await?;
    Ok(principal)
}

/// Counts a sign-in, or a similar request without a user, against the rate limit of the client's
/// address.
pub async fn admit_address(context: &mut Context) -> Result<(), ApiError> {
    let address = client_address(context);
    admit(context, Action::Auth, &address).await
}

/// Emails per minute and recipient.
const EMAILS_PER_MINUTE: u32 = 3;

/// Counts a password attempt for an email address, before the password is checked. Only a hash of
/// the address is stored.
pub async fn admit_password(context: &mut Context, email: &str) -> Result<(), ApiError> {
    let subject = format!("email_{}", hash_of(email));
    admit(context, Action::Password, &subject).await
}

/// Counts an email that is requested for an address.
pub async fn admit_email(context: &mut Context, email: &str) -> Result<(), ApiError> {
    let subject = format!("mail_{}", hash_of(email));
    let result = limits::admit(Action::Password, subject, Some(EMAILS_PER_MINUTE)).await;
    apply_rate_limit(context, result)
}

fn hash_of(email: &str) -> String {
    format!("{:x}", Sha256::digest(email.trim().to_lowercase()))
}

/// Counts an action of a subject against its rate limit (429) and sets the `RateLimit-…` headers.
pub async fn admit(context: &mut Context, action: Action, subject: &str) -> Result<(), ApiError> {
    let result = limits::admit(action, subject.to_owned(), None).await;
    apply_rate_limit(context, result)
}

/// Applies the result of `limits::admit` to the response, for a route that calls it concurrently
/// with something else.
pub fn apply_rate_limit(
    context: &mut Context,
    result: Result<Allowance, limits::Error>,
) -> Result<(), ApiError> {
    let (headers, result) = rate_limit(result);
    for (name, value) in headers {
        context.set_header(name, value);
    }
    result
}

/// The response headers and the error (429) for a result of `limits::admit`.
pub fn rate_limit(
    result: Result<Allowance, limits::Error>,
) -> (Vec<(&'static str, String)>, Result<(), ApiError>) {
    match result {
        Ok(allowance) => (rate_limit_headers(&allowance), Ok(())),
        Err(limits::Error::Exceeded(allowance)) => {
            // `Retry-After: 0` would make clients retry at once.
            let error = ApiError::RateLimited(allowance.reset_after.max(1));
            (rate_limit_headers(&allowance), Err(error))
        }
        Err(limits::Error::Unavailable(cause)) => {
            (Vec::new(), Err(ApiError::storage_unavailable(cause)))
        }
    }
}

fn rate_limit_headers(allowance: &Allowance) -> Vec<(&'static str, String)> {
    if allowance.limit == 0 {
        return Vec::new();
    }
    vec![
        ("ratelimit-limit", allowance.limit.to_string()),
        ("ratelimit-remaining", allowance.remaining.to_string()),
        ("ratelimit-reset", allowance.reset_after.to_string()),
    ]
}
