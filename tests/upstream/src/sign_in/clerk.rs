use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::signing::{SigningKey, overridden, random};
use super::{locked, now};
use crate::service::{Service, ServiceResponse};

/// How long Clerk's session tokens are good, in seconds.
const TOKEN_SECONDS: u64 = 60;

struct State {
    keys: Vec<SigningKey>,
    more: Vec<Value>,
}

/// Clerk's Frontend API, as far as a backend meets it: the key set. Derefs to [`Service`] for its
/// calls and failures.
pub struct Clerk {
    service: Service,
    state: Arc<Mutex<State>>,
}

impl std::ops::Deref for Clerk {
    type Target = Service;

    fn deref(&self) -> &Service {
        &self.service
    }
}

impl Clerk {
    /// With one key.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> std::io::Result<Self> {
        let keys = vec![SigningKey::shared()];
        let state = Arc::new(Mutex::new(State {
            keys,
            more: Vec::new(),
        }));
        let handled = Arc::clone(&state);
        let service = Service::start(move |call| {
            if (call.method.as_str(), call.path.as_str()) != ("GET", "/.well-known/jwks.json") {
                return ServiceResponse::json(
                    404,
                    &json!({"errors": [{"code": "resource_not_found"}]}),
                );
            }
            let state = locked(&handled);
            let own = state.keys.iter().map(SigningKey::public);
            let keys: Value = own.chain(state.more.iter().cloned()).collect();
            ServiceResponse::json(200, &json!({"keys": keys}))
        })
        .await?;
        Ok(Self { service, state })
    }

    /// For `clerk_base_url`; also the issuer of its tokens.
    pub fn base_url(&self) -> String {
        self.url()
    }

    /// Signs with a new key from now on; the key set has the old one still.
    pub fn rotate(&self) {
        let key = SigningKey::generate();
        locked(&self.state).keys.insert(0, key);
    }

    /// Takes all keys but the newest out of the key set.
    pub fn forget_old_keys(&self) {
        locked(&self.state).keys.truncate(1);
    }

    /// Adds a public key, of tokens made elsewhere, to the key set.
    pub fn serve_key(&self, key: Value) {
        locked(&self.state).more.push(key);
    }

    /// A session token as Clerk makes them (version 2), with these claims over its own; `null`
    /// takes one away.
    pub fn session_token(&self, user_id: &str, changes: &Value) -> String {
        let now = now();
        let claims = json!({
            "azp": "http://localhost:3000",
            "exp": now.saturating_add(TOKEN_SECONDS),
            "fva": [0, -1],
            "iat": now,
            "iss": self.base_url(),
            "jti": random(10),
            "nbf": now.saturating_sub(10),
            "sid": format!("sess_{}", random(18)),
            "sts": "active",
            "sub": user_id,
            "v": 2,
        });
        let claims = overridden(claims, changes);
        let state = locked(&self.state);
        let newest = state.keys.first();
        newest.map(|key| key.sign(&claims)).unwrap_or_default()
    }

    /// The newest key, to sign anything with.
    pub fn key(&self) -> SigningKey {
        let newest = locked(&self.state).keys.first().cloned();
        newest.unwrap_or_else(SigningKey::shared)
    }
}
