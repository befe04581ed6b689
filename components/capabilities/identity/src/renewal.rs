//! Refreshing a WorkOS session whose access token has expired. A refresh token can be used once, and a
//! browser sends many requests with an old cookie at the same time. One request refreshes; the others,
//! on all instances, get the same new cookie. Source of the wire format:
//! <https://workos.com/docs/reference/authkit/authentication/refresh-token>.

use std::collections::HashMap;

use journal::Platform;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::seal;
use crate::workos::Claims;

/// Maximum size of a response, in bytes.
pub(crate) const MAX_BYTES: usize = 64 * 1024;

/// How long an old cookie is exchanged for its successor, in milliseconds. Concurrent requests with the
/// old cookie arrive within this time.
const SHARED_MS: u64 = 60 * 1000;

/// How long a refusal by WorkOS is remembered, in milliseconds.
const REFUSED_MS: u64 = 30 * 1000;

/// How long a failure to reach WorkOS is remembered, in milliseconds.
const FAILED_MS: u64 = 2 * 1000;

/// How often a request whose refresh token was used checks for the result of the other instance, in
/// milliseconds.
const SHARED_STEP_MS: u64 = 50;

/// Number of checks. Together 3 seconds, longer than the other instance takes to store its result.
const SHARED_STEPS: usize = 60;

/// Number of slots for renewed seals in the store. Old seals cannot be found and deleted, so new ones
/// overwrite them.
const PLACES: u16 = 4096;

/// Fields of a user in WorkOS' API, and their names in a seal of its SDK.
const USER_FIELDS: [(&str, &str); 13] = [
    ("object", "object"),
    ("id", "id"),
    ("email", "email"),
    ("email_verified", "emailVerified"),
    ("first_name", "firstName"),
    ("profile_picture_url", "profilePictureUrl"),
    ("last_name", "lastName"),
    ("last_sign_in_at", "lastSignInAt"),
    ("locale", "locale"),
    ("created_at", "createdAt"),
    ("updated_at", "updatedAt"),
    ("external_id", "externalId"),
    ("metadata", "metadata"),
];

/// Identifies one refresh: a hash of the session and its refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RefreshId([u8; 32]);

impl RefreshId {
    pub(crate) fn new(session_id: &str, refresh_token: &str) -> Self {
        let hash = Sha256::new()
            .chain_update(session_id)
            .chain_update([0])
            .chain_update(refresh_token);
        Self(hash.finalize().into())
    }

    fn text(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The key of the result in the store.
    fn key(self) -> String {
        let [high, low, ..] = self.0;
        format!("identity:w:{}", u16::from_be_bytes([high, low]) % PLACES)
    }
}

/// The body of the request to WorkOS.
pub(crate) fn request(
    client_id: &str,
    api_key: &str,
    refresh_token: &str,
    organization_id: Option<&str>,
) -> String {
    let mut body = json!({
        "grant_type": "refresh_token",
        "client_id": client_id,
        "client_secret": api_key,
        "refresh_token": refresh_token,
    });
    if let Some(id) = organization_id
        && let Some(fields) = body.as_object_mut()
    {
        fields.insert("organization_id".to_owned(), id.into());
    }
    body.to_string()
}

/// The result of a refresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The new cookie.
    Renewed(String),
    /// The user must sign in again.
    Refused,
    /// The refresh token was used or the session has ended. WorkOS does not distinguish them.
    UsedUp,
    /// WorkOS could not be reached. The text is for the log.
    Failed(String),
}

/// The result of WorkOS' response. Seals a cookie as its SDK does.
pub(crate) fn outcome(status: u16, body: &[u8], password: &str) -> Outcome {
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
    }
    if status == 200 {
        return reseal(body, password).map_or_else(
            || failed("returned a response that is not a session"),
            Outcome::Renewed,
        );
    }
    let refusal = serde_json::from_slice::<Refusal>(body).ok();
    match (status, refusal.as_ref().map(|body| body.error.as_str())) {
        (400 | 401 | 403, Some("invalid_grant")) => Outcome::UsedUp,
        (400 | 403, Some("mfa_enrollment" | "sso_required")) => Outcome::Refused,
        (400 | 401 | 403, _) => failed("refused workos_client_id or workos_api_key"),
        _ => failed(&format!("answered {status}")),
    }
}

fn failed(what: &str) -> Outcome {
    Outcome::Failed(format!("WorkOS {what}"))
}

fn reseal(body: &[u8], password: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct RefreshResponse {
        user: Map<String, Value>,
        access_token: String,
        refresh_token: String,
        authentication_method: Option<Value>,
        impersonator: Option<Value>,
    }
    let mut response: RefreshResponse = serde_json::from_slice(body).ok()?;
    let claims: Claims =
        jsonwebtoken::dangerous::insecure_decode_claims(&response.access_token).ok()?;

    // The SDK omits absent fields, except these.
    let mut user = Map::new();
    user.insert("externalId".to_owned(), Value::Null);
    user.insert("metadata".to_owned(), json!({}));
    for (theirs, sealed) in USER_FIELDS {
        if let Some(value) = response.user.remove(theirs) {
            user.insert(sealed.to_owned(), value);
        }
    }
    let mut session = Map::new();
    session.insert("user".to_owned(), Value::Object(user));
    session.insert("accessToken".to_owned(), response.access_token.into());
    session.insert("refreshToken".to_owned(), response.refresh_token.into());
    for (name, value) in [
        ("organizationId", claims.org_id.map(Value::String)),
        ("authenticationMethod", response.authentication_method),
        ("impersonator", response.impersonator),
    ] {
        if let Some(value) = value {
            session.insert(name.to_owned(), value);
        }
    }
    let sealed = seal::seal(Value::Object(session).to_string().as_bytes(), password)?;
    Some(format!("{sealed}~2"))
}

/// A renewed cookie as stored for other instances.
#[derive(Serialize, Deserialize)]
struct SharedSeal {
    /// The refresh that it came from.
    id: String,
    /// When, in milliseconds since the epoch.
    at: u64,
    cookie: String,
}

impl SharedSeal {
    fn new(id: RefreshId, at: u64, cookie: &str) -> Self {
        Self {
            id: id.text(),
            at,
            cookie: cookie.to_owned(),
        }
    }

    /// The cookie, if it came from the refresh `id` shortly before `now`.
    fn read(bytes: &[u8], id: RefreshId, now: u64) -> Option<String> {
        let shared: Self = serde_json::from_slice(bytes).ok()?;
        let fresh = now.saturating_sub(shared.at) < SHARED_MS;
        (fresh && shared.id == id.text()).then_some(shared.cookie)
    }
}

/// What to do for a request with an old cookie.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Refresh and call `settle`. No other caller gets this result until then.
    Exchange,
    /// Another caller is refreshing. Wait and look up again.
    Wait,
    /// It was done recently, with this result.
    Done(Outcome),
}

/// The running and recent refreshes of this instance. Times are in milliseconds since the epoch.
#[derive(Default)]
pub(crate) struct Refreshes(HashMap<RefreshId, Exchange>);

enum Exchange {
    UnderWay,
    Made { outcome: Outcome, until: u64 },
}

impl Refreshes {
    /// What to do about the refresh `id`.
    pub(crate) fn lookup(&mut self, id: RefreshId, now: u64) -> Step {
        self.0.retain(|_, exchange| match exchange {
            Exchange::UnderWay => true,
            Exchange::Made { until, .. } => *until > now,
        });
        match self.0.get(&id) {
            Some(Exchange::UnderWay) => Step::Wait,
            Some(Exchange::Made { outcome, .. }) => Step::Done(outcome.clone()),
            None => {
                self.0.insert(id, Exchange::UnderWay);
                Step::Exchange
            }
        }
    }

    /// Ends the refresh that `lookup` requested. `None` if it was abandoned.
    pub(crate) fn settle(&mut self, id: RefreshId, outcome: Option<Outcome>, now: u64) {
        let Some(outcome) = outcome else {
            self.0.remove(&id);
            return;
        };
        let for_ms = match outcome {
            Outcome::Renewed(_) => SHARED_MS,
            Outcome::Refused | Outcome::UsedUp => REFUSED_MS,
            Outcome::Failed(_) => FAILED_MS,
        };
        let until = now.saturating_add(for_ms);
        self.0.insert(id, Exchange::Made { outcome, until });
    }
}

/// Refreshes by calling `ask`, unless another instance has refreshed recently. Stores the result for
/// other instances.
pub(crate) async fn exchange(
    platform: &impl Platform,
    id: RefreshId,
    ask: impl Future<Output = Outcome>,
) -> Outcome {
    if let Some(cookie) = shared(platform, id).await {
        return Outcome::Renewed(cookie);
    }
    let outcome = ask.await;
    match &outcome {
        Outcome::Renewed(cookie) => {
            let seal = SharedSeal::new(id, platform.now(), cookie);
            // A failure to store it affects only other instances.
            if let Ok(value) = serde_json::to_vec(&seal) {
                let _ = platform.set(&id.key(), &value).await;
            }
        }
        Outcome::UsedUp => {
            for _ in 0..SHARED_STEPS {
                if let Some(cookie) = shared(platform, id).await {
                    return Outcome::Renewed(cookie);
                }
                platform.sleep(SHARED_STEP_MS).await;
            }
        }
        Outcome::Refused | Outcome::Failed(_) => {}
    }
    outcome
}

/// The recent result of another instance.
async fn shared(platform: &impl Platform, id: RefreshId) -> Option<String> {
    let bytes = platform.get(&id.key()).await.ok()??;
    SharedSeal::read(&bytes, id, platform.now())
}

#[cfg(test)]
#[path = "renewal_tests.rs"]
mod tests;
