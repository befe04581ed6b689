//! Users with accounts, API keys, and the operator.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Client, Response};

/// A password that is not in the lists of common passwords.
pub(crate) const PASSWORD: &str = "Vortex-lantern-83-mosaic";

/// The operator's key, if [`Builder::admin`](super::Builder::admin) was called.
pub(crate) const ADMIN_KEY: &str = "marker-admin-key-6b0e41";

/// A signed-in user with an account: a client with the user's access token.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) client: Client,
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) token: String,
    pub(crate) refresh_token: String,
    /// The value of the session cookie.
    pub(crate) cookie: String,
}

impl std::ops::Deref for User {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl User {
    /// The user of a response to `register`, `login` or `refresh`.
    #[track_caller]
    pub(crate) fn of(client: &Client, email: &str, response: &Response) -> Self {
        let body = response.json();
        let text = |value: &Value| value.as_str().expect("a string").to_owned();
        let token = text(&body["token"]);
        Self {
            client: client.bearer(&token),
            id: text(&body["user"]["id"]),
            email: email.to_owned(),
            refresh_token: text(&body["refreshToken"]),
            cookie: response
                .cookie("goldfish-session")
                .expect("a session cookie"),
            token,
        }
    }

    /// A client with only the session cookie, as a browser.
    pub(crate) fn by_cookie(&self, client: &Client) -> Client {
        client.with("cookie", &format!("goldfish-session={}", self.cookie))
    }

    /// The status of `GET /api/v1/auth/me`.
    pub(crate) async fn status(&self) -> u16 {
        self.get("/api/v1/auth/me").await.status
    }
}

/// A unique email address.
pub(crate) fn new_email() -> String {
    format!("ada.{}@example.com", Uuid::new_v4().simple())
}

/// The body of `register` and `login`.
pub(crate) fn credentials(email: &str, password: &str) -> Value {
    json!({ "email": email, "password": password })
}

/// An API key, with its secret.
#[derive(Clone, Debug)]
pub(crate) struct ApiKey {
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl Client {
    /// Registers a new user.
    pub(crate) async fn user(&self) -> User {
        let email = new_email();
        let response = self.register(&email).await;
        assert_eq!(response.status, 201, "{response:?}");
        User::of(self, &email, &response)
    }

    /// `POST /api/v1/auth/register` with [`PASSWORD`].
    pub(crate) async fn register(&self, email: &str) -> Response {
        self.post("/api/v1/auth/register", credentials(email, PASSWORD))
            .await
    }

    /// `POST /api/v1/auth/login`.
    pub(crate) async fn log_in(&self, email: &str, password: &str) -> Response {
        self.post("/api/v1/auth/login", credentials(email, password))
            .await
    }

    /// Creates another session of a registered user.
    pub(crate) async fn again(&self, user: &User) -> User {
        let response = self.log_in(&user.email, PASSWORD).await;
        assert_eq!(response.status, 200, "{response:?}");
        User::of(self, &user.email, &response)
    }

    /// `POST /api/v1/auth/refresh`.
    pub(crate) async fn refresh(&self, refresh_token: &str) -> Response {
        let body = json!({ "refreshToken": refresh_token });
        self.post("/api/v1/auth/refresh", body).await
    }

    /// Creates an API key of this client's user.
    pub(crate) async fn new_key(&self, request: Value) -> ApiKey {
        let response = self.post("/api-keys/create", request).await;
        assert_eq!(response.status, 201, "{response:?}");
        let body = response.json();
        let text = |field: &str| body[field].as_str().expect("a string").to_owned();
        ApiKey {
            id: text("id"),
            secret: text("key"),
        }
    }

    /// `GET /api-keys/list`.
    pub(crate) async fn keys(&self) -> Vec<Value> {
        let response = self.get("/api-keys/list").await;
        assert_eq!(response.status, 200, "{response:?}");
        response.json().as_array().expect("a list").clone()
    }

    /// A client with the operator's key.
    pub(crate) fn admin(&self) -> Self {
        self.with("x-admin-key", ADMIN_KEY)
    }
}
