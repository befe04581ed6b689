use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use url::form_urlencoded;

use super::codes::{Codes, Refused, back, text};
use super::locked;
use super::signing::random;
use crate::service::{Call, Service, ServiceResponse, find};

/// Somebody with a GitHub account.
#[derive(Debug, Clone)]
pub struct GitHubUser {
    /// GitHub's id of the user.
    pub id: u64,
    /// The name in URLs.
    pub login: String,
    /// The name on the profile; many have none.
    pub name: Option<String>,
    /// The address on the profile; most have none.
    pub public_email: Option<String>,
    /// The response to `GET /user/emails`.
    pub emails: Vec<GitHubEmail>,
}

/// One address of a GitHub user.
#[derive(Debug, Clone)]
pub struct GitHubEmail {
    /// The address.
    pub email: String,
    /// The one GitHub writes to.
    pub primary: bool,
    /// Whether the user has confirmed it.
    pub verified: bool,
}

impl GitHubUser {
    /// A user with one address, primary and confirmed, and none on the profile.
    pub fn new(id: u64, login: &str, email: &str) -> Self {
        Self {
            id,
            login: login.to_owned(),
            name: Some(format!("The {login}")),
            public_email: None,
            emails: vec![GitHubEmail {
                email: email.to_owned(),
                primary: true,
                verified: true,
            }],
        }
    }

    /// The same without having confirmed any address.
    pub fn unverified(mut self) -> Self {
        for email in &mut self.emails {
            email.verified = false;
        }
        self
    }

    /// The same without a name.
    pub fn nameless(mut self) -> Self {
        self.name = None;
        self
    }
}

struct State {
    client_id: String,
    client_secret: String,
    user: Option<GitHubUser>,
    codes: Codes<(GitHubUser, String)>,
    tokens: BTreeMap<String, (GitHubUser, String)>,
    /// Whether token responses are forms always.
    form_responses: bool,
}

/// GitHub: the authorization server, and the part of the REST API about the user. Derefs to
/// [`Service`] for its calls and failures.
pub struct GitHub {
    service: Service,
    state: Arc<Mutex<State>>,
}

impl std::ops::Deref for GitHub {
    type Target = Service;

    fn deref(&self) -> &Service {
        &self.service
    }
}

impl GitHub {
    /// With one OAuth app. Nobody is signed in at first, which is as if consent were denied.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(client_id: &str, client_secret: &str) -> std::io::Result<Self> {
        let state = Arc::new(Mutex::new(State {
            client_id: client_id.to_owned(),
            client_secret: client_secret.to_owned(),
            user: None,
            codes: Codes::default(),
            tokens: BTreeMap::new(),
            form_responses: false,
        }));
        let handled = Arc::clone(&state);
        let service = Service::start(move |call| locked(&handled).respond(call)).await?;
        Ok(Self { service, state })
    }

    /// For `github_base_url`.
    pub fn base_url(&self) -> String {
        self.url()
    }

    /// For `github_api_url`.
    pub fn api_url(&self) -> String {
        format!("{}/api/v3", self.url())
    }

    /// The browser's user from now on, who consents to everything.
    pub fn sign_in(&self, user: GitHubUser) {
        locked(&self.state).user = Some(user);
    }

    /// The browser's user denies consent from now on.
    pub fn deny(&self) {
        locked(&self.state).user = None;
    }

    /// Responds to token requests with a form from now on, whatever `Accept` says, as some GitHub
    /// Enterprise servers and proxies do.
    pub fn respond_with_forms(&self) {
        locked(&self.state).form_responses = true;
    }

    /// Makes all codes that were given out too old.
    pub fn expire_codes(&self) {
        locked(&self.state).codes.expire();
    }

    /// Follows an authorization URL as the browser would. Returns the URL that it is sent back to.
    ///
    /// # Panics
    /// When GitHub shows an error page instead.
    pub fn consent(&self, authorization_url: &str) -> String {
        self.visit(authorization_url)
    }
}

impl State {
    fn respond(&mut self, call: &Call) -> ServiceResponse {
        match (call.method.as_str(), call.path.as_str()) {
            ("GET", "/login/oauth/authorize") => self.authorize(call),
            ("POST", "/login/oauth/access_token") => self.exchange(call),
            ("GET", path) if path.starts_with("/api/v3/") => self.api(call),
            _ => ServiceResponse::json(404, &json!({"message": "Not Found"})),
        }
    }

    fn authorize(&mut self, call: &Call) -> ServiceResponse {
        if call.parameter("client_id") != Some(&self.client_id) {
            return ServiceResponse::text(404, "text/html", "Not Found");
        }
        let Some(user) = self.user.clone() else {
            return back(
                call,
                &[
                    ("error", "access_denied"),
                    (
                        "error_description",
                        "The user has denied your application access.",
                    ),
                    (
                        "error_uri",
                        "https://docs.github.com/apps/managing-oauth-apps/troubleshooting-authorization-request-errors/#access-denied",
                    ),
                ],
            );
        };
        // Scopes are separated by blanks in the request, and by commas in the response.
        let scope = text(call.parameter("scope")).replace(' ', ",");
        let code = self.codes.issue("", call, (user, scope));
        back(call, &[("code", &code)])
    }

    fn exchange(&mut self, call: &Call) -> ServiceResponse {
        let form = call.form();
        let is_client = find(&form, "client_id") == Some(&self.client_id)
            && find(&form, "client_secret") == Some(&self.client_secret);
        if !is_client {
            return token_response(
                call,
                self.form_responses,
                &[
                    ("error", "incorrect_client_credentials"),
                    (
                        "error_description",
                        "The client_id and/or client_secret passed are incorrect.",
                    ),
                    ("error_uri", TOKEN_ERRORS),
                ],
            );
        }
        let exchanged = self.codes.exchange(
            find(&form, "code").unwrap_or_default(),
            find(&form, "redirect_uri").unwrap_or_default(),
            find(&form, "code_verifier"),
        );
        match exchanged {
            Ok((user, scope)) => {
                let token = format!("gho_{}", random(27));
                let granted = scope.clone();
                self.tokens.insert(token.clone(), (user, scope));
                token_response(
                    call,
                    self.form_responses,
                    &[
                        ("access_token", &token),
                        ("scope", &granted),
                        ("token_type", "bearer"),
                    ],
                )
            }
            Err(Refused::RedirectUri) => token_response(
                call,
                self.form_responses,
                &[
                    ("error", "redirect_uri_mismatch"),
                    (
                        "error_description",
                        "The redirect_uri MUST match the registered callback URL for this application.",
                    ),
                    ("error_uri", TOKEN_ERRORS),
                ],
            ),
            Err(Refused::Code | Refused::MissingVerifier | Refused::Verifier) => token_response(
                call,
                self.form_responses,
                &[
                    ("error", "bad_verification_code"),
                    (
                        "error_description",
                        "The code passed is incorrect or expired.",
                    ),
                    ("error_uri", TOKEN_ERRORS),
                ],
            ),
        }
    }

    fn api(&self, call: &Call) -> ServiceResponse {
        if call.header("user-agent").is_none() {
            return ServiceResponse::text(
                403,
                "text/html",
                "Request forbidden by administrative rules. Please make sure your request has a User-Agent header",
            );
        }
        let Some((user, scope)) = call.bearer().and_then(|token| self.tokens.get(token)) else {
            let body = json!({
                "message": "Bad credentials",
                "documentation_url": "https://docs.github.com/rest",
                "status": "401",
            });
            return ServiceResponse::json(401, &body);
        };
        match call.path.as_str() {
            "/api/v3/user" => ServiceResponse::json(200, &profile(user)),
            "/api/v3/user/emails" if scope.split(',').any(|scope| scope == "user:email") => {
                let emails = user.emails.iter().map(|email| {
                    json!({
                        "email": email.email,
                        "primary": email.primary,
                        "verified": email.verified,
                        "visibility": email.primary.then_some("private"),
                    })
                });
                ServiceResponse::json(200, &emails.collect())
            }
            _ => ServiceResponse::json(
                404,
                &json!({
                    "message": "Not Found",
                    "documentation_url": "https://docs.github.com/rest",
                    "status": "404",
                }),
            ),
        }
    }
}

const TOKEN_ERRORS: &str = "https://docs.github.com/apps/managing-oauth-apps/troubleshooting-oauth-app-access-token-request-errors/";

/// Errors have the status 200 too. The body is JSON only if the request accepts it.
fn token_response(call: &Call, as_form: bool, pairs: &[(&str, &str)]) -> ServiceResponse {
    let wants_json = call
        .header("accept")
        .is_some_and(|accept| accept.contains("application/json"));
    if wants_json && !as_form {
        let body: Value = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .collect();
        return ServiceResponse::json(200, &body);
    }
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    ServiceResponse::text(
        200,
        "application/x-www-form-urlencoded; charset=utf-8",
        &body,
    )
}

fn profile(user: &GitHubUser) -> Value {
    json!({
        "login": user.login,
        "id": user.id,
        "node_id": "MDQ6VXNlcjE=",
        "avatar_url": format!("https://avatars.githubusercontent.com/u/{}?v=4", user.id),
        "html_url": format!("https://github.com/{}", user.login),
        "type": "User",
        "site_admin": false,
        "name": user.name,
        "company": null,
        "blog": "",
        "email": user.public_email,
        "created_at": "2011-01-25T18:44:36Z",
    })
}
