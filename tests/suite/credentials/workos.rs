//! WorkOS sealed session cookies, as the Node SDK makes them, checked against a key set that a
//! fake WorkOS serves. The fixtures belong to the identity component.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use upstream::{ServiceFailure, WorkOs};

use crate::harness::{App, Browser, Builder, eventually, manifest};

fn read_fixture(name: &str) -> Value {
    let folder = Path::new("components/capabilities/identity/tests/fixtures/workos");
    let path = manifest().parent().unwrap().join(folder).join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Serves the key set of the fixtures' client, and counts the requests.
struct FakeWorkos {
    url: String,
    key_set: Arc<Mutex<Option<Value>>>,
    fetched: Arc<AtomicUsize>,
}

impl FakeWorkos {
    async fn start(client_id: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let key_set = Arc::new(Mutex::new(Some(read_fixture("jwks.json"))));
        let fetched = Arc::new(AtomicUsize::new(0));
        let (keys, count) = (Arc::clone(&key_set), Arc::clone(&fetched));
        let expected = format!("GET /sso/jwks/{client_id} HTTP/1.1\r\n");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else {
                        break;
                    };
                    head.push(byte);
                }
                let body = keys.lock().unwrap().as_ref().map(Value::to_string);
                let response = match body {
                    Some(body) if head.starts_with(expected.as_bytes()) => {
                        count.fetch_add(1, Ordering::SeqCst);
                        let length = body.len();
                        format!(
                            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
                             content-length: {length}\r\nconnection: close\r\n\r\n{body}"
                        )
                    }
                    Some(_) => "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\
                                connection: close\r\n\r\n"
                        .to_owned(),
                    // Out of order: the connection ends without a response.
                    None => String::new(),
                };
                let _ = stream.write_all(response.as_bytes()).await;
            }
        });
        Self {
            url,
            key_set,
            fetched,
        }
    }

    fn serve(&self, key_set: Option<Value>) {
        *self.key_set.lock().unwrap() = key_set;
    }

    fn fetched(&self) -> usize {
        self.fetched.load(Ordering::SeqCst)
    }
}

struct Fixture {
    sessions: Value,
    workos: FakeWorkos,
}

impl Fixture {
    async fn new() -> Self {
        let sessions = read_fixture("sessions.json");
        let workos = FakeWorkos::start(sessions["clientId"].as_str().unwrap()).await;
        Self { sessions, workos }
    }

    fn app(&self) -> Builder {
        App::with_defaults()
            .variable(
                "workos_client_id",
                self.sessions["clientId"].as_str().unwrap(),
            )
            .variable(
                "workos_cookie_password",
                self.sessions["cookiePassword"].as_str().unwrap(),
            )
            .variable("workos_base_url", self.workos.url.as_str())
    }

    fn cookie(&self, name: &str) -> String {
        let sealed = self.sessions["cookies"][name]
            .as_str()
            .unwrap_or_else(|| panic!("{name}"));
        format!("theme=dark; wos-session={sealed}; last=1")
    }
}

#[tokio::test]
async fn sealed_session_authenticates() {
    let fixture = Fixture::new().await;
    let app = fixture.app().start().await;
    let user = app.client().with("cookie", &fixture.cookie("valid"));
    let response = user.get("/api/v1/auth/me").await;
    assert_eq!(response.status, 200, "{response:?}");
    let me = response.json();
    let id = format!("workos_{}", fixture.sessions["userId"].as_str().unwrap());
    assert_eq!(me["user"]["id"], id.as_str());
    assert_eq!(me["user"]["email"], "ada@example.com");
    assert_eq!(me["user"]["name"], "Ada Lovelace");
    let conversation = user.say("Hello from the goldfish frontend").await;
    assert_eq!(user.conversations().await[0]["id"], conversation.as_str());
    // The same user through another session. A guest is another user.
    let again = app.client().with("cookie", &fixture.cookie("legacyIssuer"));
    assert_eq!(again.conversations().await[0]["id"], conversation.as_str());
    assert!(app.client().guest().await.conversations().await.is_empty());
}

#[tokio::test]
async fn key_set_is_fetched_once() {
    let fixture = Fixture::new().await;
    let app = fixture.app().start().await;
    let user = app.client().with("cookie", &fixture.cookie("valid"));
    for _ in 0..10 {
        assert_eq!(user.get("/api/v1/auth/me").await.status, 200);
    }
    // Instances may come and go between requests; ten requests are not ten fetches.
    assert!(
        (1..=3).contains(&fixture.workos.fetched()),
        "{}",
        fixture.workos.fetched()
    );
}

#[tokio::test]
async fn forged_sessions_are_401() {
    let fixture = Fixture::new().await;
    let app = fixture.app().start().await;
    let good = app.client().with("cookie", &fixture.cookie("valid"));
    assert_eq!(good.get("/api/v1/auth/me").await.status, 200);
    for name in [
        "otherClient",
        "otherSubject",
        "noExpiry",
        "wrongKeyUnderKid",
        "none",
        "confusedPem",
        "confusedModulus",
        "critical",
        "notJson",
        "rotated",
    ] {
        let client = app.client().with("cookie", &fixture.cookie(name));
        let response = client.get("/api/v1/auth/me").await;
        assert_eq!(response.status, 401, "{name}: {response:?}");
        response.is_error(401, "UNAUTHORIZED");
    }
    let sealed = fixture.sessions["cookies"]["valid"].as_str().unwrap();
    let cut = &sealed[..sealed.len() / 2];
    let mut flipped = sealed.to_owned().into_bytes();
    let middle = flipped.len() / 2;
    flipped[middle] = if flipped[middle] == b'a' { b'b' } else { b'a' };
    let flipped = String::from_utf8(flipped).unwrap();
    for value in [
        "",
        "x",
        "Fe26.2*",
        "Fe26.2**********~2",
        cut,
        flipped.as_str(),
    ] {
        let client = app.client().with("cookie", &format!("wos-session={value}"));
        let response = client.get("/api/v1/auth/me").await;
        assert_eq!(response.status, 401, "{value}: {response:?}");
    }
    // A seal is for its cookie, and no bearer token.
    app.client()
        .bearer(sealed)
        .get("/api/v1/auth/me")
        .await
        .is_error(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn a_rotated_key_is_fetched() {
    let fixture = Fixture::new().await;
    fixture
        .workos
        .serve(Some(read_fixture("jwks-rotated.json")));
    let app = fixture.app().start().await;
    for name in ["valid", "rotated"] {
        let client = app.client().with("cookie", &fixture.cookie(name));
        let response = client.get("/api/v1/auth/me").await;
        assert_eq!(response.status, 200, "{name}: {response:?}");
    }
}

#[tokio::test]
async fn an_unreachable_key_set_is_503() {
    let fixture = Fixture::new().await;
    fixture.workos.serve(None);
    let app = fixture.app().start().await;
    let client = app.client().with("cookie", &fixture.cookie("valid"));
    let response = client.get("/api/v1/auth/me").await;
    response.is_error(503, "PROVIDER_UNAVAILABLE");
    assert!(!response.text().contains("127.0.0.1"), "{response:?}");
    // Guests do not need it.
    app.client().guest().await.say("unimpressed").await;
}

#[tokio::test]
async fn cookie_without_a_workos_configuration_is_401() {
    let sessions = read_fixture("sessions.json");
    let sealed = sessions["cookies"]["valid"].as_str().unwrap();
    let client = App::shared()
        .await
        .client()
        .with("cookie", &format!("wos-session={sealed}"));
    client
        .get("/api/v1/auth/me")
        .await
        .is_error(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn session_with_another_cookie_password_is_401() {
    let fixture = Fixture::new().await;
    let password = "another-password-of-thirty-two-characters";
    let app = fixture
        .app()
        .variable("workos_cookie_password", password)
        .start()
        .await;
    let client = app.client().with("cookie", &fixture.cookie("valid"));
    client
        .get("/api/v1/auth/me")
        .await
        .is_error(401, "UNAUTHORIZED");
    assert_eq!(
        fixture.workos.fetched(),
        0,
        "a cookie that cannot be decrypted causes no request"
    );
}

#[tokio::test]
async fn cookie_is_accepted_from_allowed_origins_only() {
    let fixture = Fixture::new().await;
    let app = fixture.app().start().await;
    let user = app.client().with("cookie", &fixture.cookie("valid"));
    let body = json!({ "theme": "light" });
    let own = user.with("origin", "http://localhost:4321");
    assert_eq!(own.put("/api/preferences", body.clone()).await.status, 200);
    // A cookie travels by itself; a page elsewhere must not act with it.
    let foreign = user.with("origin", "https://evil.example");
    let response = foreign.put("/api/preferences", body).await;
    assert_eq!(response.status, 403, "{response:?}");
    let response = foreign.post("/api/chat", json!({ "message": "Hi" })).await;
    assert_eq!(response.status, 403, "{response:?}");
    assert!(user.conversations().await.is_empty());
}

const API_KEY: &str = "sk_test_marker";
const SESSION: &str = "session_01HQSXZGF8FHF7A9ZZFCW4387R";

/// A WorkOS that refreshes tokens, an application that may request that, and the cookie of a session that is
/// too old.
async fn with_old_session() -> (WorkOs, Builder, String) {
    let sessions = read_fixture("sessions.json");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let client_id = text(&sessions["clientId"]);
    let workos = WorkOs::start(&client_id, API_KEY).await.unwrap();
    workos.serve_keys(read_fixture("jwks.json"));
    let user = text(&sessions["userId"]);
    workos.adopt_session(SESSION, &user, "fixture-refresh-token");
    let app = App::with_defaults()
        .variable("workos_client_id", client_id)
        .variable("workos_api_key", API_KEY)
        .variable("workos_cookie_password", text(&sessions["cookiePassword"]))
        .variable("workos_base_url", workos.base_url());
    (workos, app, text(&sessions["cookies"]["old"]))
}

fn browser_with(app: &App, sealed: &str) -> Browser {
    let browser = Browser::new(&app.client());
    browser.plant("wos-session", sealed);
    browser
}

#[tokio::test]
async fn an_expired_session_is_refreshed_and_sealed_again() {
    let (workos, app, old) = with_old_session().await;
    let app = app.start().await;
    let browser = browser_with(&app, &old);
    let response = browser.get("/api/v1/auth/me").await;
    assert_eq!(response.status, 200, "{response:?}");
    let id = response.json()["user"]["id"].clone();
    let line = response.set_cookies()[0];
    for flag in ["wos-session=", "; HttpOnly", "; Path=/", "; SameSite=Lax"] {
        assert!(line.contains(flag), "{flag}: {line}");
    }
    let renewed = browser.cookie("wos-session").unwrap();
    assert_ne!(renewed, old);
    let response = browser.get("/api/v1/auth/me").await;
    assert_eq!(response.json()["user"]["id"], id);
    assert!(
        response.set_cookies().is_empty(),
        "it is fresh: {response:?}"
    );
    assert_eq!(workos.calls("/authenticate").len(), 1);
}

#[tokio::test]
async fn concurrent_refreshes_keep_the_session() {
    let (workos, app, old) = with_old_session().await;
    let app = app.start().await;
    // Each tab has the old cookie, and WorkOS takes its refresh token once.
    let tabs = (0..8).map(|_| browser_with(&app, &old));
    let responses = futures::future::join_all(tabs.map(|tab| async move {
        let first = tab.get("/api/v1/auth/me").await;
        (first.status, tab.get("/api/v1/auth/me").await.status)
    }))
    .await;
    assert!(
        responses.iter().all(|both| *both == (200, 200)),
        "{responses:?}"
    );
    assert!(!workos.session(SESSION).unwrap().ended);
}

#[tokio::test]
async fn an_expired_session_without_an_api_key_is_401() {
    let (workos, app, old) = with_old_session().await;
    let app = app.default_of("workos_api_key").start().await;
    let response = browser_with(&app, &old).get("/api/v1/auth/me").await;
    response.is_error(401, "UNAUTHORIZED");
    assert!(workos.calls("/authenticate").is_empty());
}

#[tokio::test]
async fn a_session_ended_by_workos_is_401() {
    let (workos, app, old) = with_old_session().await;
    let app = app.start().await;
    workos.end_session(SESSION);
    let response = browser_with(&app, &old).get("/api/v1/auth/me").await;
    response.is_error(401, "UNAUTHORIZED");
    assert!(!response.text().contains("ended"), "{response:?}");
}

#[tokio::test]
async fn an_expired_session_with_workos_unreachable_is_503() {
    let (workos, app, old) = with_old_session().await;
    let app = app.start().await;
    let browser = browser_with(&app, &old);
    for failure in [
        ServiceFailure::Status(500),
        ServiceFailure::Cut,
        ServiceFailure::Html,
    ] {
        workos.fail("/authenticate", usize::MAX, failure);
        let response = browser.get("/api/v1/auth/me").await;
        response.is_error(503, "PROVIDER_UNAVAILABLE");
        assert_eq!(browser.cookie("wos-session").unwrap(), old);
        workos.recover();
    }
    // For a short time the application remembers that the refresh failed.
    eventually("the session to continue", || async {
        let response = browser.get("/api/v1/auth/me").await;
        (response.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn logout_ends_the_session_here_and_at_workos() {
    let (workos, app, old) = with_old_session().await;
    let app = app.start().await;
    let browser = browser_with(&app, &old);
    assert_eq!(browser.get("/api/v1/auth/me").await.status, 200);
    let sealed = browser.cookie("wos-session").unwrap();
    let response = browser.send("POST", "/api/v1/auth/logout").await;
    assert_eq!(response.status, 200, "{response:?}");
    assert!(browser.cookie("wos-session").is_none());
    if let Some(url) = response.json()["logoutUrl"].as_str() {
        assert!(url.starts_with(&workos.base_url()), "{url}");
    }
    assert!(workos.session(SESSION).unwrap().ended);
    for sealed in [&sealed, &old] {
        let again = browser_with(&app, sealed).get("/api/v1/auth/me").await;
        again.is_error(401, "UNAUTHORIZED");
    }
}

#[tokio::test]
async fn a_bad_or_weaker_cookie_does_not_hide_a_workos_session() {
    let fixture = Fixture::new().await;
    let app = fixture.app().start().await;
    let client = app.client();
    let good = fixture.cookie("valid");
    let expected = client.with("cookie", &good).get("/api/v1/auth/me").await;
    let id = expected.json()["user"]["id"].clone();
    let guest = client.send("POST", "/api/v1/auth/guest", None).await;
    let guest = guest.cookie("goldfish-session").unwrap();
    for cookies in [
        format!("goldfish-session=stale; {good}"),
        format!("goldfish-session={guest}; {good}"),
        format!("{good}; goldfish-session={guest}"),
        format!("wos-session=old; {good}"),
        format!("{good}; wos-session=old"),
        format!("goldfish-session=; {good}; __session=other"),
    ] {
        let response = client.with("cookie", &cookies).get("/api/v1/auth/me").await;
        assert_eq!(response.status, 200, "{cookies}: {response:?}");
        assert_eq!(response.json()["user"]["id"], id, "{cookies}");
    }
    // A guest's cookie is still valid if the other cookie is invalid.
    let cookies = format!("goldfish-session={guest}; wos-session=old");
    let response = client.with("cookie", &cookies).get("/api/v1/auth/me").await;
    assert_eq!(response.json()["user"]["kind"], "guest", "{response:?}");
}

#[tokio::test]
async fn a_bad_explicit_credential_is_401_whatever_the_cookies_say() {
    let fixture = Fixture::new().await;
    let app = fixture.app().start().await;
    let client = app.client().with("cookie", &fixture.cookie("valid"));
    assert_eq!(client.get("/api/v1/auth/me").await.status, 200);
    for explicit in [
        client.bearer("nonsense"),
        client.bearer("gf_nonsense"),
        client.with("x-api-key", "gf_nonsense"),
    ] {
        let response = explicit.get("/api/v1/auth/me").await;
        response.is_error(401, "UNAUTHORIZED");
    }
}
