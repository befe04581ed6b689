use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::signing::{SigningKey, overridden, random};
use super::{locked, now};
use crate::service::{Call, Service, ServiceResponse};

/// How long access tokens are good, in seconds: WorkOS' default.
const ACCESS_SECONDS: i64 = 300;

/// A session that WorkOS knows.
#[derive(Debug, Clone)]
pub struct WorkOsSession {
    /// `session_…`; the access token's `sid`.
    pub id: String,
    /// The user's id, `user_…`.
    pub user_id: String,
    /// The newest access token.
    pub access_token: String,
    /// The newest refresh token. Only this one is valid.
    pub refresh_token: String,
    /// Whether it was revoked or logged out.
    pub ended: bool,
}

struct State {
    client_id: String,
    api_key: String,
    key: SigningKey,
    key_set: Option<Value>,
    access_seconds: i64,
    claims: Value,
    sessions: Vec<WorkOsSession>,
    codes: BTreeMap<String, String>,
    exchanged: Vec<String>,
}

/// WorkOS' user management API: key set, authenticating with a code or a refresh token, ending
/// sessions. Derefs to [`Service`] for its calls and failures.
pub struct WorkOs {
    service: Service,
    state: Arc<Mutex<State>>,
}

impl std::ops::Deref for WorkOs {
    type Target = Service;

    fn deref(&self) -> &Service {
        &self.service
    }
}

impl WorkOs {
    /// With one client and its API key (`sk_test_…`).
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(client_id: &str, api_key: &str) -> std::io::Result<Self> {
        let state = Arc::new(Mutex::new(State {
            client_id: client_id.to_owned(),
            api_key: api_key.to_owned(),
            key: SigningKey::shared(),
            key_set: None,
            access_seconds: ACCESS_SECONDS,
            claims: Value::Null,
            sessions: Vec::new(),
            codes: BTreeMap::new(),
            exchanged: Vec::new(),
        }));
        let handled = Arc::clone(&state);
        let service = Service::start(move |call| locked(&handled).respond(call)).await?;
        Ok(Self { service, state })
    }

    /// For `workos_base_url`.
    pub fn base_url(&self) -> String {
        self.url()
    }

    /// Serves this key set, of tokens made elsewhere, together with the fake's own key.
    pub fn serve_keys(&self, key_set: Value) {
        locked(&self.state).key_set = Some(key_set);
    }

    /// Access tokens made from now on are valid for so many seconds. A negative number makes
    /// them expired from the beginning.
    pub fn access_tokens_last(&self, seconds: i64) {
        locked(&self.state).access_seconds = seconds;
    }

    /// Puts these claims over those of every access token from now on; `null` takes one away.
    pub fn claim(&self, claims: Value) {
        locked(&self.state).claims = claims;
    }

    /// Begins a session of this user (`user_…`).
    pub fn begin_session(&self, user_id: &str) -> WorkOsSession {
        locked(&self.state).begin(user_id)
    }

    /// Begins a session that has this refresh token, such as one that was sealed elsewhere.
    pub fn adopt_session(&self, session_id: &str, user_id: &str, refresh_token: &str) {
        let mut state = locked(&self.state);
        let mut session = state.begin(user_id);
        state.sessions.pop();
        session.id = session_id.to_owned();
        session.refresh_token = refresh_token.to_owned();
        state.sessions.push(session);
    }

    /// A code that a frontend's callback receives. It can be exchanged once, for a session of this user.
    pub fn code_for(&self, user_id: &str) -> String {
        let code = random(20);
        let mut state = locked(&self.state);
        state.codes.insert(code.clone(), user_id.to_owned());
        code
    }

    /// The current state of a session.
    pub fn session(&self, id: &str) -> Option<WorkOsSession> {
        let state = locked(&self.state);
        state.sessions.iter().find(|one| one.id == id).cloned()
    }

    /// Ends a session, as an administrator does in WorkOS' dashboard.
    pub fn end_session(&self, id: &str) {
        locked(&self.state).end(id);
    }

    /// Follows a logout URL as the browser would. Returns the URL that it is redirected to.
    ///
    /// # Panics
    /// When WorkOS shows an error page instead.
    pub fn log_out(&self, logout_url: &str) -> String {
        self.visit(logout_url)
    }

    /// A user as the API returns it.
    pub fn user(user_id: &str) -> Value {
        json!({
            "object": "user",
            "id": user_id,
            "email": "ada@example.com",
            "email_verified": true,
            "first_name": "Ada",
            "last_name": "Lovelace",
            "profile_picture_url": null,
            "last_sign_in_at": "2025-11-20T10:00:00.000Z",
            "created_at": "2025-01-01T10:00:00.000Z",
            "updated_at": "2025-01-01T10:00:00.000Z",
            "external_id": null,
            "metadata": {},
            "locale": null,
        })
    }
}

impl State {
    fn respond(&mut self, call: &Call) -> ServiceResponse {
        let key_set = format!("/sso/jwks/{}", self.client_id);
        match (call.method.as_str(), call.path.as_str()) {
            ("GET", path) if path == key_set => self.keys(),
            ("POST", "/user_management/authenticate") => self.authenticate(call),
            ("POST", "/user_management/sessions/revoke") => self.revoke(call),
            ("GET", "/user_management/sessions/logout") => {
                let has_ended = call.parameter("session_id").is_some_and(|id| self.end(id));
                match call.parameter("return_to") {
                    Some(url) if has_ended => ServiceResponse::redirect(url.to_owned()),
                    _ => ServiceResponse::redirect("http://localhost:3000/".to_owned()),
                }
            }
            _ => ServiceResponse::json(404, &json!({"message": "Not Found", "error": "Not Found"})),
        }
    }

    fn keys(&self) -> ServiceResponse {
        let mut keys = vec![self.key.public()];
        let more = self.key_set.as_ref().and_then(|set| set.get("keys"));
        keys.extend(
            more.and_then(Value::as_array)
                .into_iter()
                .flatten()
                .cloned(),
        );
        ServiceResponse::json(200, &json!({"keys": keys}))
    }

    fn authenticate(&mut self, call: &Call) -> ServiceResponse {
        let body = call.json();
        let field = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        if field("client_id") != self.client_id {
            let body =
                json!({"error": "invalid_client", "error_description": "Invalid client ID."});
            return ServiceResponse::json(400, &body);
        }
        if field("client_secret") != self.api_key {
            return refused("invalid_client", "Invalid client secret.");
        }
        match field("grant_type") {
            "authorization_code" => match self.codes.remove(field("code")) {
                Some(user_id) => {
                    let session = self.begin(&user_id);
                    authenticated(&session)
                }
                None => refused(
                    "invalid_grant",
                    &format!(
                        "The code '{}' has expired or is invalid.",
                        field("code").escape_default()
                    ),
                ),
            },
            "refresh_token" => self.refresh(field("refresh_token")),
            _ => refused("unsupported_grant_type", "Unsupported grant type."),
        }
    }

    fn refresh(&mut self, token: &str) -> ServiceResponse {
        if self.exchanged.iter().any(|old| old == token) {
            return refused("invalid_grant", "Refresh token already exchanged.");
        }
        let place = self
            .sessions
            .iter()
            .position(|one| one.refresh_token == token);
        let Some(mut session) = place.map(|place| self.sessions.swap_remove(place)) else {
            return refused("invalid_grant", "Invalid refresh token.");
        };
        let response = if session.ended {
            refused("invalid_grant", "Session has already ended.")
        } else {
            self.exchanged.push(token.to_owned());
            session.access_token = self.access_token(&session.id, &session.user_id);
            session.refresh_token = random(18);
            authenticated(&session)
        };
        self.sessions.push(session);
        response
    }

    fn revoke(&mut self, call: &Call) -> ServiceResponse {
        if call.bearer() != Some(&self.api_key) {
            return ServiceResponse::json(401, &json!({"message": "Unauthorized"}));
        }
        let body = call.json();
        let id = body.get("session_id").and_then(Value::as_str);
        let id = id.unwrap_or_default();
        if self.end(id) {
            return ServiceResponse::json(
                200,
                &json!({"object": "session", "id": id, "status": "revoked"}),
            );
        }
        let body = json!({
            "message": format!("Session not found: '{id}'."),
            "code": "entity_not_found",
            "entity_id": id,
        });
        ServiceResponse::json(404, &body)
    }

    fn end(&mut self, id: &str) -> bool {
        let session = self.sessions.iter_mut().find(|one| one.id == id);
        session.map(|session| session.ended = true).is_some()
    }

    fn begin(&mut self, user_id: &str) -> WorkOsSession {
        let id = format!("session_{}", random(18));
        let session = WorkOsSession {
            access_token: self.access_token(&id, user_id),
            id,
            user_id: user_id.to_owned(),
            refresh_token: random(18),
            ended: false,
        };
        self.sessions.push(session.clone());
        session
    }

    fn access_token(&self, session_id: &str, user_id: &str) -> String {
        let now = now();
        // A token that is too old was also issued a while ago.
        let issued = now.saturating_add_signed(self.access_seconds.min(0).saturating_sub(1));
        let claims = json!({
            "iss": format!("https://api.workos.com/user_management/{}", self.client_id),
            "sub": user_id,
            "sid": session_id,
            "jti": random(16),
            "iat": issued,
            "exp": now.saturating_add_signed(self.access_seconds),
        });
        self.key.sign(&overridden(claims, &self.claims))
    }
}

fn authenticated(session: &WorkOsSession) -> ServiceResponse {
    let body = json!({
        "user": WorkOs::user(&session.user_id),
        "organization_id": null,
        "access_token": session.access_token,
        "refresh_token": session.refresh_token,
        "authentication_method": "Password",
    });
    ServiceResponse::json(200, &body)
}

fn refused(error: &str, description: &str) -> ServiceResponse {
    let body = json!({"error": error, "error_description": description});
    ServiceResponse::json(400, &body)
}
