//! People with accounts, machines with keys, and the operator.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Answer, Client};

/// A password that the embedded lists do not know.
pub(crate) const PASSWORD: &str = "Vortex-lantern-83-mosaic";

/// What opens `/api/admin`, where [`Builder::admin`](super::Builder::admin) was called.
pub(crate) const ADMIN_KEY: &str = "marker-admin-key-6b0e41";

/// Somebody with an account, who is signed in: a client with the account's access token.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) client: Client,
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) token: String,
    pub(crate) refresh_token: String,
    /// The value of the session's cookie.
    pub(crate) cookie: String,
}

impl std::ops::Deref for User {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl User {
    /// From the answer of `register`, `login` or `refresh`.
    #[track_caller]
    pub(crate) fn of(client: &Client, email: &str, answer: &Answer) -> Self {
        let body = answer.json();
        let text = |value: &Value| value.as_str().expect("a string").to_owned();
        let token = text(&body["token"]);
        Self {
            client: client.bearer(&token),
            id: text(&body["user"]["id"]),
            email: email.to_owned(),
            refresh_token: text(&body["refreshToken"]),
            cookie: answer.cookie("goldfish-session").expect("a session cookie"),
            token,
        }
    }

    /// A browser's client: the session's cookie and nothing else.
    pub(crate) fn by_cookie(&self, client: &Client) -> Client {
        client.with("cookie", &format!("goldfish-session={}", self.cookie))
    }

    /// `GET /api/v1/auth/me`, its status only.
    pub(crate) async fn status(&self) -> u16 {
        self.get("/api/v1/auth/me").await.status
    }
}

/// An address that nobody has used before.
pub(crate) fn new_email() -> String {
    format!("ada.{}@example.com", Uuid::new_v4().simple())
}

/// What `register` and `login` are sent.
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
    /// Registers somebody new.
    pub(crate) async fn user(&self) -> User {
        let email = new_email();
        let answer = self.register(&email).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        User::of(self, &email, &answer)
    }

    /// `POST /api/v1/auth/register` with [`PASSWORD`].
    pub(crate) async fn register(&self, email: &str) -> Answer {
        self.post("/api/v1/auth/register", credentials(email, PASSWORD))
            .await
    }

    /// `POST /api/v1/auth/login`.
    pub(crate) async fn log_in(&self, email: &str, password: &str) -> Answer {
        self.post("/api/v1/auth/login", credentials(email, password))
            .await
    }

    /// Signs a registered user in once more: another session.
    pub(crate) async fn again(&self, user: &User) -> User {
        let answer = self.log_in(&user.email, PASSWORD).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        User::of(self, &user.email, &answer)
    }

    /// `POST /api/v1/auth/refresh`.
    pub(crate) async fn refresh(&self, refresh_token: &str) -> Answer {
        let body = json!({ "refreshToken": refresh_token });
        self.post("/api/v1/auth/refresh", body).await
    }

    /// Makes an API key of this client's user, as `request` says.
    pub(crate) async fn new_key(&self, request: Value) -> ApiKey {
        let answer = self.post("/api-keys/create", request).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let body = answer.json();
        let text = |field: &str| body[field].as_str().expect("a string").to_owned();
        ApiKey {
            id: text("id"),
            secret: text("key"),
        }
    }

    /// `GET /api-keys/list`.
    pub(crate) async fn keys(&self) -> Vec<Value> {
        let answer = self.get("/api-keys/list").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json().as_array().expect("a list").clone()
    }

    /// The operator, at the same application.
    pub(crate) fn admin(&self) -> Self {
        self.with("x-admin-key", ADMIN_KEY)
    }
}
