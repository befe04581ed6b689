use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::codes::{Codes, Refused, back};
use super::signing::{SigningKey, overridden, random};
use super::{locked, now};
use crate::service::{Call, Service, ServiceResponse, find};

/// Somebody with a Google account.
#[derive(Debug, Clone)]
pub struct GoogleUser {
    /// Google's id of the user, decimal digits.
    pub subject: String,
    /// The address, and whether Google vouches for it.
    pub email: Option<(String, bool)>,
    /// The name, if the user has one.
    pub name: Option<String>,
}

impl GoogleUser {
    /// A user with a confirmed address.
    pub fn new(subject: &str, email: &str, name: &str) -> Self {
        Self {
            subject: subject.to_owned(),
            email: Some((email.to_owned(), true)),
            name: Some(name.to_owned()),
        }
    }

    /// The same with an address that Google does not vouch for.
    pub fn unverified(mut self) -> Self {
        if let Some((_, verified)) = &mut self.email {
            *verified = false;
        }
        self
    }
}

struct State {
    client_id: String,
    client_secret: String,
    user: Option<GoogleUser>,
    codes: Codes<GoogleUser>,
    claims: Value,
    key: SigningKey,
}

/// Google's authorization server. Derefs to [`Service`] for its calls and failures.
pub struct Google {
    service: Service,
    state: Arc<Mutex<State>>,
}

impl std::ops::Deref for Google {
    type Target = Service;

    fn deref(&self) -> &Service {
        &self.service
    }
}

impl Google {
    /// With one client. Nobody is signed in at first, which is as if consent were denied.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(client_id: &str, client_secret: &str) -> std::io::Result<Self> {
        let state = Arc::new(Mutex::new(State {
            client_id: client_id.to_owned(),
            client_secret: client_secret.to_owned(),
            user: None,
            codes: Codes::default(),
            claims: Value::Null,
            key: SigningKey::shared(),
        }));
        let handled = Arc::clone(&state);
        let service = Service::start(move |call| locked(&handled).respond(call)).await?;
        Ok(Self { service, state })
    }

    /// For `google_base_url`.
    pub fn base_url(&self) -> String {
        self.url()
    }

    /// For `google_token_url`.
    pub fn token_url(&self) -> String {
        format!("{}/token", self.url())
    }

    /// The browser's user from now on, who consents to everything.
    pub fn sign_in(&self, user: GoogleUser) {
        locked(&self.state).user = Some(user);
    }

    /// The browser's user denies consent from now on.
    pub fn deny(&self) {
        locked(&self.state).user = None;
    }

    /// Makes all codes that were given out too old.
    pub fn expire_codes(&self) {
        locked(&self.state).codes.expire();
    }

    /// Puts these claims over those of every id token from now on; `null` takes one away.
    pub fn claim(&self, claims: Value) {
        locked(&self.state).claims = claims;
    }

    /// Follows an authorization URL as the browser would. Returns the URL that it is sent back to.
    ///
    /// # Panics
    /// When Google shows an error page instead.
    pub fn consent(&self, authorization_url: &str) -> String {
        self.visit(authorization_url)
    }
}

impl State {
    fn respond(&mut self, call: &Call) -> ServiceResponse {
        match (call.method.as_str(), call.path.as_str()) {
            ("GET", "/o/oauth2/v2/auth") => self.authorize(call),
            ("POST", "/token") => self.exchange(call),
            _ => ServiceResponse::text(404, "text/html", "Not Found"),
        }
    }

    fn authorize(&mut self, call: &Call) -> ServiceResponse {
        if call.parameter("client_id") != Some(&self.client_id) {
            return ServiceResponse::text(401, "text/html", "Error 401: invalid_client");
        }
        if call.parameter("response_type") != Some("code") {
            return ServiceResponse::text(400, "text/html", "Error 400: invalid_request");
        }
        match self.user.clone() {
            None => back(call, &[("error", "access_denied")]),
            Some(user) => {
                let code = self.codes.issue("4/0A", call, user);
                let scope = format!("email profile {SCOPES}");
                let rest = [("authuser", "0"), ("prompt", "consent")];
                let mut pairs = vec![("code", code.as_str()), ("scope", &scope)];
                pairs.extend(rest);
                back(call, &pairs)
            }
        }
    }

    fn exchange(&mut self, call: &Call) -> ServiceResponse {
        let form = call.form();
        if find(&form, "grant_type") != Some("authorization_code") {
            return refused(400, "unsupported_grant_type", "Invalid grant_type");
        }
        if find(&form, "client_id") != Some(&self.client_id) {
            return refused(401, "invalid_client", "The OAuth client was not found.");
        }
        if find(&form, "client_secret") != Some(&self.client_secret) {
            return refused(401, "invalid_client", "Unauthorized");
        }
        let exchanged = self.codes.exchange(
            find(&form, "code").unwrap_or_default(),
            find(&form, "redirect_uri").unwrap_or_default(),
            find(&form, "code_verifier"),
        );
        match exchanged {
            Ok(user) => ServiceResponse::json(
                200,
                &json!({
                    "access_token": format!("ya29.{}", random(60)),
                    "expires_in": 3599,
                    "scope": SCOPES,
                    "token_type": "Bearer",
                    "id_token": self.id_token(&user),
                }),
            ),
            Err(Refused::Code) => refused(400, "invalid_grant", "Bad Request"),
            Err(Refused::RedirectUri) => refused(400, "redirect_uri_mismatch", "Bad Request"),
            Err(Refused::MissingVerifier) => {
                refused(400, "invalid_grant", "Missing code verifier.")
            }
            Err(Refused::Verifier) => refused(400, "invalid_grant", "Invalid code verifier."),
        }
    }

    fn id_token(&self, user: &GoogleUser) -> String {
        let now = now();
        let mut claims = json!({
            "iss": "https://accounts.google.com",
            "azp": self.client_id,
            "aud": self.client_id,
            "sub": user.subject,
            "at_hash": random(16),
            "iat": now,
            "exp": now.saturating_add(3600),
        });
        if let Some((email, verified)) = &user.email {
            let email = json!({"email": email, "email_verified": verified});
            claims = overridden(claims, &email);
        }
        if let Some(name) = &user.name {
            let name = json!({
                "name": name,
                "given_name": name,
                "picture": "https://lh3.googleusercontent.com/a/picture=s96-c",
            });
            claims = overridden(claims, &name);
        }
        self.key.sign(&overridden(claims, &self.claims))
    }
}

const SCOPES: &str = "openid https://www.googleapis.com/auth/userinfo.email https://www.googleapis.com/auth/userinfo.profile";

fn refused(status: u16, error: &str, description: &str) -> ServiceResponse {
    let body = json!({"error": error, "error_description": description});
    ServiceResponse::json(status, &body)
}
