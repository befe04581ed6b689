//! Refreshing a WorkOS session whose access token has expired. A refresh token can be used once,
//! and a browser with an old cookie asks for many things at the same time: one request refreshes,
//! and the others, here and on other instances, get the same new cookie. Source of the wire format:
//! <https://workos.com/docs/reference/authkit/authentication/refresh-token>.

use std::collections::HashMap;

use journal::Platform;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::seal;
use crate::workos::Claims;

/// Largest answer that is read, in bytes.
pub(crate) const MAX_BYTES: usize = 64 * 1024;

/// For how long an old cookie still leads to its successor, in milliseconds: as long as requests
/// that were sent beside the one that refreshed may take to get here.
const SHARED_MS: u64 = 60 * 1000;

/// For how long a refusal by WorkOS is remembered, in milliseconds.
const REFUSED_MS: u64 = 30 * 1000;

/// For how long it is remembered that WorkOS could not be asked, in milliseconds.
const FAILED_MS: u64 = 2 * 1000;

/// How often the one whose refresh token was used up looks for what became of it, in milliseconds.
const SHARED_STEP_MS: u64 = 50;

/// How often it looks: for 3 seconds, which is longer than between WorkOS' using up a refresh token
/// and the other instance's having stored what came of it.
const SHARED_STEPS: usize = 60;

/// Renewed seals that are kept for other instances, altogether: there is no way to find and erase
/// old ones, so that new ones take their places.
const PLACES: u16 = 4096;

/// Fields of a user in WorkOS' API, and what its SDK calls them in a seal.
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

/// Names one exchange: a session and the refresh token that is used up by it. Says nothing about
/// either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ExchangeId([u8; 32]);

impl ExchangeId {
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

    /// Where other instances find what came of it.
    fn key(self) -> String {
        let [high, low, ..] = self.0;
        format!("identity:w:{}", u16::from_be_bytes([high, low]) % PLACES)
    }
}

/// The body of the request.
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

/// What came of an exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The new cookie.
    Renewed(String),
    /// WorkOS wants the person to sign in again.
    Refused,
    /// The refresh token has been used, or the session is over: WorkOS says the same of both.
    UsedUp,
    /// WorkOS could not be asked; the text is for the log.
    Failed(String),
}

/// Makes a cookie of what WorkOS answered, as its SDK would.
pub(crate) fn outcome(status: u16, body: &[u8], password: &str) -> Outcome {
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
    }
    if status == 200 {
        return reseal(body, password)
            .map_or_else(|| failed("answered what is no session"), Outcome::Renewed);
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
    struct Answer {
        user: Map<String, Value>,
        access_token: String,
        refresh_token: String,
        authentication_method: Option<Value>,
        impersonator: Option<Value>,
    }
    let mut answer: Answer = serde_json::from_slice(body).ok()?;
    let claims: Claims =
        jsonwebtoken::dangerous::insecure_decode_claims(&answer.access_token).ok()?;

    // The SDK leaves out what is not there, but for these.
    let mut user = Map::new();
    user.insert("externalId".to_owned(), Value::Null);
    user.insert("metadata".to_owned(), json!({}));
    for (theirs, sealed) in USER_FIELDS {
        if let Some(value) = answer.user.remove(theirs) {
            user.insert(sealed.to_owned(), value);
        }
    }
    let mut session = Map::new();
    session.insert("user".to_owned(), Value::Object(user));
    session.insert("accessToken".to_owned(), answer.access_token.into());
    session.insert("refreshToken".to_owned(), answer.refresh_token.into());
    for (name, value) in [
        ("organizationId", claims.org_id.map(Value::String)),
        ("authenticationMethod", answer.authentication_method),
        ("impersonator", answer.impersonator),
    ] {
        if let Some(value) = value {
            session.insert(name.to_owned(), value);
        }
    }
    let sealed = seal::seal(Value::Object(session).to_string().as_bytes(), password)?;
    Some(format!("{sealed}~2"))
}

/// A renewed cookie as one instance leaves it to the others.
#[derive(Serialize, Deserialize)]
struct SharedSeal {
    /// The exchange it came of.
    id: String,
    /// When, in milliseconds since the epoch.
    at: u64,
    cookie: String,
}

impl SharedSeal {
    fn new(id: ExchangeId, at: u64, cookie: &str) -> Self {
        Self {
            id: id.text(),
            at,
            cookie: cookie.to_owned(),
        }
    }

    /// The cookie, if it came of the exchange `id` not long before `now`.
    fn read(bytes: &[u8], id: ExchangeId, now: u64) -> Option<String> {
        let shared: Self = serde_json::from_slice(bytes).ok()?;
        let fresh = now.saturating_sub(shared.at) < SHARED_MS;
        (fresh && shared.id == id.text()).then_some(shared.cookie)
    }
}

/// What to do for a request with an old cookie.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Make the exchange and `settle` it. It is the caller's from here on: nobody else is told to
    /// make it until it has settled.
    Exchange,
    /// Somebody else is at it: wait a little and ask again.
    Wait,
    /// It was made lately, with this outcome.
    Done(Outcome),
}

/// The exchanges of this instance: those under way and those made lately. Times are milliseconds
/// since the epoch.
#[derive(Default)]
pub(crate) struct Exchanges(HashMap<ExchangeId, Exchange>);

enum Exchange {
    UnderWay,
    Made { outcome: Outcome, until: u64 },
}

impl Exchanges {
    /// What to do about the exchange `id`.
    pub(crate) fn look_up(&mut self, id: ExchangeId, now: u64) -> Step {
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

    /// Ends the exchange that `look_up` asked for; `None` if it was abandoned.
    pub(crate) fn settle(&mut self, id: ExchangeId, outcome: Option<Outcome>, now: u64) {
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

/// Makes the exchange `id` by asking WorkOS, unless another instance has made it lately, and leaves
/// what came of it to the others.
pub(crate) async fn exchange(
    platform: &impl Platform,
    id: ExchangeId,
    ask: impl Future<Output = Outcome>,
) -> Outcome {
    if let Some(cookie) = shared(platform, id).await {
        return Outcome::Renewed(cookie);
    }
    let outcome = ask.await;
    match &outcome {
        Outcome::Renewed(cookie) => {
            let seal = SharedSeal::new(id, platform.now(), cookie);
            // This request goes on without: only the others' asking is in vain.
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

/// What another instance has got lately.
async fn shared(platform: &impl Platform, id: ExchangeId) -> Option<String> {
    let bytes = platform.get(&id.key()).await.ok()??;
    SharedSeal::read(&bytes, id, platform.now())
}

#[cfg(test)]
#[path = "renewal_tests.rs"]
mod tests;
