//! Properties of every route: headers, CORS, limits, unknown paths and methods, and that none
//! can be used without a user, except for the routes that are listed here.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{App, Response, in_time, manifest, manifest_table};

/// Pages and their files. They are public; the data on them is requested with the user's credential.
pub(crate) const PAGES: [(&str, &str); 12] = [
    ("GET", "/"),
    ("GET", "/c/:id"),
    ("GET", "/new"),
    ("GET", "/new-password"),
    ("GET", "/channels"),
    ("GET", "/channels/:channel"),
    ("GET", "/channels/:channel/:thread"),
    ("GET", "/invitation/:token"),
    ("GET", "/favicon.svg"),
    ("GET", "/assets/:name"),
    ("GET", "/docs"),
    ("GET", "/docs/:file"),
];

/// Other routes that work without a user: sign-in and its steps, and routes without user data. Any route that
/// is added to this list needs as good a reason.
const OPEN_TO_ALL: [(&str, &str); 25] = [
    ("GET", "/health"),
    ("GET", "/..."),
    // The description of the API is public, and its page is loaded before sign-in.
    ("GET", "/openapi.json"),
    ("POST", "/register"),
    ("POST", "/login"),
    ("POST", "/api/v1/auth/register"),
    ("POST", "/api/v1/auth/login"),
    ("POST", "/api/v1/auth/guest"),
    ("POST", "/api/v1/auth/refresh"),
    ("GET", "/api/auth/ok"),
    ("GET", "/api/auth/sign-in-options"),
    ("GET", "/api/auth/error"),
    ("POST", "/api/auth/sign-up/email"),
    ("POST", "/api/auth/sign-in/email"),
    ("POST", "/api/auth/sign-in/anonymous"),
    ("POST", "/api/auth/sign-in/social"),
    ("GET", "/api/auth/sign-in/:provider"),
    ("GET", "/api/auth/callback/:provider"),
    // Requests without a user get no user, also after signing out.
    ("GET", "/api/auth/get-session"),
    ("GET", "/api/auth/session"),
    ("POST", "/api/auth/sign-out"),
    // A user who cannot sign in requests an email, whose token authorizes the rest.
    ("POST", "/api/auth/request-password-reset"),
    ("POST", "/api/auth/forget-password"),
    ("POST", "/api/auth/reset-password"),
    ("GET", "/api/auth/reset-password/:token"),
];

/// The same, for paths to which Better Auth responds with 400 if there is no webhook for mail.
const OPEN_EMAILS: [(&str, &str); 2] = [
    ("POST", "/api/auth/send-verification-email"),
    ("GET", "/api/auth/verify-email"),
];

/// Every path with the methods it knows, as the sources of the routes have them.
static ROUTES: LazyLock<Vec<(String, Vec<String>)>> = LazyLock::new(|| {
    let mut routes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (method, path) in in_sources() {
        let methods = routes.entry(path).or_default();
        // The route for what no other matches knows no path.
        if method != "ANY" {
            methods.push(method);
        }
    }
    routes.into_iter().collect()
});

/// All routes that work without a user.
fn open_to_all() -> impl Iterator<Item = (&'static str, &'static str)> {
    PAGES.into_iter().chain(OPEN_TO_ALL).chain(OPEN_EMAILS)
}

fn is_open(method: &str, route: &str) -> bool {
    open_to_all().any(|open| open == (method, route))
}

/// Fails unless it is an error of that status in the words of the route: OpenAI's, Anthropic's, or ours.
fn assert_refused(response: &Response, route: &str, status: u16, code: &str) {
    if route.starts_with("/v1/") || route == "/chat/completions" {
        assert_eq!(response.status, status, "{route}: {response:?}");
        let error = &response.json()["error"];
        assert!(error["message"].is_string(), "{route}: {response:?}");
        let of_anthropic = route.starts_with("/v1/messages");
        let expected = match status {
            401 if of_anthropic => "authentication_error",
            404 | 405 if of_anthropic => "not_found_error",
            _ => "invalid_request_error",
        };
        assert_eq!(error["type"], expected, "{route}: {response:?}");
    } else {
        response.is_error(status, code);
    }
}

/// A path of that route.
fn concrete(route: &str) -> String {
    let segments = route.split('/').map(|segment| match segment {
        ":id" | ":keyId" | ":channelId" | ":threadId" | ":userId" => {
            "6f4f4ac4-96c0-4f2b-9d5f-d5b9b8e0c001"
        }
        ":provider" => "github",
        ":token" => "token",
        ":file" => "page.js",
        ":vendor" | ":gateway" => "vendor",
        "..." => "nowhere/at/all",
        plain => plain,
    });
    segments.collect::<Vec<_>>().join("/")
}

/// Whether some route has this method for this path: `/sign-in/:provider` takes `/sign-in/email` too.
fn is_known(method: &str, path: &str) -> bool {
    let fits = |route: &str| {
        let (route, path) = (route.split('/'), path.split('/'));
        route.clone().count() == path.clone().count()
            && route
                .zip(path)
                .all(|(template, segment)| template.starts_with(':') || template == segment)
    };
    ROUTES
        .iter()
        .any(|(route, methods)| methods.iter().any(|own| own == method) && fits(route))
}

/// The endpoints that the sources of the routes name in `http_edge::routes!`.
pub(crate) fn in_sources() -> Vec<(String, String)> {
    let folder = manifest().parent().unwrap().join("components/routes");
    let mut routes = Vec::new();
    for route in std::fs::read_dir(folder).unwrap() {
        let path = route.unwrap().path().join("src/lib.rs");
        let source = std::fs::read_to_string(path).unwrap();
        let (_, macro_call) = source.split_once("http_edge::routes! {").unwrap();
        let (table, _) = macro_call.split_once("\n}").unwrap();
        for line in table.lines().map(str::trim) {
            let mut parts = line.splitn(3, '"');
            let (Some(method), Some(path)) = (parts.next(), parts.next()) else {
                continue;
            };
            routes.push((method.trim().to_owned(), path.to_owned()));
        }
    }
    routes
}

#[test]
fn every_endpoint_has_a_trigger_and_every_trigger_an_endpoint() {
    let table = manifest_table();
    let triggers = table["trigger"]["http"].as_array().unwrap();
    let triggers: Vec<_> = triggers
        .iter()
        .map(|trigger| trigger["route"].as_str().unwrap())
        .collect();
    let leads_to = |trigger: &str, route: &str| match trigger.strip_suffix("/...") {
        Some("") => route == trigger,
        Some(prefix) => route == prefix || route.starts_with(&format!("{prefix}/")),
        None => route == trigger,
    };
    assert!(ROUTES.len() > 60, "{}", ROUTES.len());
    for trigger in &triggers {
        assert!(
            ROUTES.iter().any(|(route, _)| leads_to(trigger, route)),
            "{trigger}"
        );
    }
    for (route, _) in ROUTES.iter() {
        assert!(
            triggers.iter().any(|trigger| leads_to(trigger, route)),
            "{route} has no trigger"
        );
    }
    // Exceptions are about endpoints that there are.
    for (method, route) in open_to_all() {
        let is_there = ROUTES.iter().any(|(path, methods)| {
            path == route && (route == "/..." || methods.iter().any(|own| own == method))
        });
        assert!(is_there, "{method} {route}");
    }
}

#[tokio::test]
async fn every_route_without_a_user_is_401() {
    let client = App::shared().await.client();
    for (route, methods) in ROUTES.iter() {
        for method in methods {
            if is_open(method, route) {
                continue;
            }
            for body in [None, Some(b"{}".to_vec()), Some(b"garbage".to_vec())] {
                let response = client
                    .with("content-type", "application/json")
                    .send(method, &concrete(route), body)
                    .await;
                assert_eq!(response.status, 401, "{method} {route}: {response:?}");
                assert_refused(&response, route, 401, "UNAUTHORIZED");
            }
        }
    }
}

#[tokio::test]
async fn listed_exceptions_respond_without_a_user() {
    // A route that no longer works without a user has to be removed from the list.
    let client = App::shared().await.client();
    for (method, route) in open_to_all() {
        let response = client.send(method, &concrete(route), None).await;
        assert_ne!(response.status, 401, "{method} {route}: {response:?}");
        assert!(response.status < 500, "{method} {route}: {response:?}");
    }
}

#[tokio::test]
async fn unknown_methods_are_405_with_allow() {
    let app = App::shared().await;
    let guest = app.client().guest().await;
    for (route, methods) in ROUTES.iter() {
        if route == "/..." {
            continue;
        }
        let path = concrete(route);
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"] {
            if is_known(method, &path) {
                continue;
            }
            let response = guest.send(method, &path, None).await;
            assert_eq!(response.status, 405, "{method} {route}: {response:?}");
            assert_refused(&response, route, 405, "METHOD_NOT_ALLOWED");
            let allow = response.header("allow").unwrap_or_default();
            for own in methods {
                assert!(allow.contains(own), "{method} {route}: {allow}");
            }
        }
    }
}

#[tokio::test]
async fn unknown_paths_are_404_with_json() {
    let client = App::shared().await.client();
    for path in [
        "/nowhere",
        "/assets",
        "/api",
        "/api/",
        "/api/chat/more",
        "/api/conversations/a/b/c",
        "/health/x",
        "/%2e%2e/etc/passwd",
        "/.well-known/goldfish",
        "/favicon.ico",
        "/api//chat",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            let response = client.send(method, path, None).await;
            assert_eq!(response.status, 404, "{method} {path}: {response:?}");
            response.is_error(404, "NOT_FOUND");
        }
    }
}

#[track_caller]
fn assert_headers(response: &Response) {
    let header = |name: &str| {
        response
            .header(name)
            .unwrap_or_else(|| panic!("no {name}: {response:?}"))
    };
    assert!(!header("x-request-id").is_empty());
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert!(!header("referrer-policy").is_empty());
    assert!(header("strict-transport-security").contains("max-age="));
    assert!(response.header("server").is_none(), "{response:?}");
}

#[tokio::test]
async fn every_response_has_the_security_headers() {
    let app = App::shared().await;
    let guest = app.client().guest().await;
    assert_headers(&app.client().get("/health").await);
    assert_headers(&app.client().get("/nowhere").await);
    assert_headers(&app.client().get("/api/models").await);
    assert_headers(&app.client().send("POST", "/api/v1/auth/guest", None).await);
    assert_headers(&guest.get("/api/models").await);
    assert_headers(&guest.get("/api/conversations").await);
    assert_headers(&guest.get("/api/conversations/none").await);
    assert_headers(&guest.get("/api/preferences").await);
    assert_headers(&guest.send("PUT", "/api/chat", None).await);
    assert_headers(&guest.post("/api/chat", json!({})).await);
    assert_headers(&guest.chat(json!({ "message": "a" })).await.collect().await);
}

#[tokio::test]
async fn request_id_is_kept_if_valid_and_replaced_otherwise() {
    let client = App::shared().await.client();
    let response = client
        .with("x-request-id", "trace-42.a_b")
        .get("/health")
        .await;
    assert_eq!(response.header("x-request-id"), Some("trace-42.a_b"));
    let long = "a".repeat(500);
    for insane in ["with space", "<script>", "a\"b", "", &long, "a;b", "ü"] {
        let response = client.with("x-request-id", insane).get("/nowhere").await;
        let id = response.header("x-request-id").unwrap();
        assert!(!id.is_empty() && id != insane, "{insane:?} became {id:?}");
    }
    let (one, other) = (client.get("/health").await, client.get("/health").await);
    assert_ne!(one.header("x-request-id"), other.header("x-request-id"));
}

const ORIGIN: &str = "http://localhost:4321";

#[tokio::test]
async fn preflight_of_an_allowed_origin_is_204() {
    let client = App::shared().await.client().with("origin", ORIGIN);
    for (route, methods) in ROUTES.iter() {
        let Some(method) = methods.first() else {
            continue;
        };
        let response = client
            .with("access-control-request-method", method)
            .with(
                "access-control-request-headers",
                "content-type, authorization",
            )
            .send("OPTIONS", &concrete(route), None)
            .await;
        assert_eq!(response.status, 204, "{route}: {response:?}");
        assert_eq!(
            response.header("access-control-allow-origin"),
            Some(ORIGIN),
            "{route}"
        );
        assert_eq!(
            response.header("access-control-allow-credentials"),
            Some("true"),
            "{route}"
        );
        let allowed = response.header("access-control-allow-methods").unwrap();
        assert!(
            methods.iter().all(|method| allowed.contains(method)),
            "{route}: {allowed}"
        );
        let allowed = response
            .header("access-control-allow-headers")
            .unwrap()
            .to_lowercase();
        assert!(
            allowed.contains("content-type") && allowed.contains("authorization"),
            "{allowed}"
        );
        assert!(
            response
                .header("vary")
                .unwrap()
                .to_lowercase()
                .contains("origin"),
            "{response:?}"
        );
        assert!(response.body.is_empty());
    }
}

#[tokio::test]
async fn responses_allow_only_configured_origins() {
    let app = App::with_defaults()
        .variable("cors_origins", ORIGIN)
        .start()
        .await;
    let client = app.client();
    let guest = client.guest().await;
    for path in [
        "/health",
        "/nowhere",
        "/api/models",
        "/api/conversations",
        "/api/preferences",
    ] {
        let response = guest.with("origin", ORIGIN).get(path).await;
        assert_eq!(
            response.header("access-control-allow-origin"),
            Some(ORIGIN),
            "{path}"
        );
        assert_eq!(
            response.header("access-control-allow-credentials"),
            Some("true"),
            "{path}"
        );
        assert!(
            response
                .header("vary")
                .unwrap()
                .to_lowercase()
                .contains("origin"),
            "{response:?}"
        );
        let exposed = response
            .header("access-control-expose-headers")
            .unwrap_or_default();
        assert!(
            exposed.to_lowercase().contains("x-conversation-id"),
            "{path}: {exposed}"
        );
        for origin in [
            "http://evil.example",
            "http://localhost:4321.evil.example",
            "http://localhost:43210",
            "https://localhost:4321",
            "http://LOCALHOST:4321@evil.example",
            "null",
            "*",
        ] {
            let response = guest.with("origin", origin).get(path).await;
            assert_eq!(
                response.header("access-control-allow-origin"),
                None,
                "{origin} {path}"
            );
            assert_eq!(
                response.header("access-control-allow-credentials"),
                None,
                "{origin} {path}"
            );
        }
    }
    // The frontend can read an error before authentication too.
    let response = client.with("origin", ORIGIN).get("/api/models").await;
    assert_eq!(response.status, 401);
    assert_eq!(response.header("access-control-allow-origin"), Some(ORIGIN));
    let chat = guest
        .client
        .with("origin", ORIGIN)
        .chat(json!({ "message": "a" }))
        .await;
    assert_eq!(chat.header("access-control-allow-origin"), Some(ORIGIN));
}

#[tokio::test]
async fn preflight_of_another_origin_allows_nothing() {
    let client = App::shared()
        .await
        .client()
        .with("origin", "http://evil.example");
    let client = client.with("access-control-request-method", "POST");
    let response = client.send("OPTIONS", "/api/chat", None).await;
    assert_eq!(
        response.header("access-control-allow-origin"),
        None,
        "{response:?}"
    );
    assert_eq!(
        response.header("access-control-allow-credentials"),
        None,
        "{response:?}"
    );
}

/// The headers that official SDKs, tracing libraries and error trackers send from a browser.
const SDK_HEADERS: [&str; 9] = [
    "x-stainless-os",
    "x-stainless-retry-count",
    "user-agent",
    "traceparent",
    "baggage",
    "sentry-trace",
    "anthropic-version",
    "openai-organization",
    "x-anything-of-tomorrow",
];

#[tokio::test]
async fn preflight_allows_the_headers_that_it_names() {
    let client = App::shared().await.client().with("origin", ORIGIN);
    let client = client.with("access-control-request-method", "POST");
    let preflight = async |headers: &str| {
        client
            .with("access-control-request-headers", headers)
            .send("OPTIONS", "/v1/chat/completions", None)
            .await
    };
    let response = preflight(&SDK_HEADERS.join(",")).await;
    let allowed = response.header("access-control-allow-headers").unwrap();
    assert_eq!(allowed.split(", ").collect::<Vec<_>>(), SDK_HEADERS);
    assert_eq!(response.header("access-control-max-age"), Some("7200"));
    // Names that are none, and more than anybody needs, are not repeated.
    let response = preflight("good, b@d, a b, *").await;
    assert_eq!(
        response.header("access-control-allow-headers"),
        Some("good")
    );
    let many = (0..500).map(|n| format!("x-{n}")).collect::<Vec<_>>();
    let response = preflight(&many.join(",")).await;
    let allowed = response.header("access-control-allow-headers").unwrap();
    assert_eq!(allowed.split(", ").count(), 100);
}

#[tokio::test]
async fn preflight_of_an_unknown_path_is_204() {
    let client = App::shared().await.client().with("origin", ORIGIN);
    let preflight = client
        .with("access-control-request-method", "POST")
        .with("access-control-request-headers", "content-type");
    for path in [
        "/nowhere",
        "/api/nowhere",
        "/v1/nowhere",
        "/api/auth/nowhere",
    ] {
        let response = preflight.send("OPTIONS", path, None).await;
        assert_eq!(response.status, 204, "{path}: {response:?}");
        assert_eq!(response.header("access-control-allow-origin"), Some(ORIGIN));
        let methods = response.header("access-control-allow-methods").unwrap();
        assert!(methods.contains("POST") && methods.contains("DELETE"));
        // So that a script can read the 404.
        let response = client.post(path, json!({})).await;
        assert_eq!(response.status, 404, "{path}: {response:?}");
        assert_eq!(response.header("access-control-allow-origin"), Some(ORIGIN));
    }
    let foreign = App::shared().await.client();
    let foreign = foreign
        .with("origin", "https://evil.example")
        .with("access-control-request-method", "POST");
    let response = foreign.send("OPTIONS", "/nowhere", None).await;
    assert_eq!(response.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn loopback_origins_are_allowed_unless_cors_origins_is_set() {
    let vite = "http://localhost:5173";
    let client = App::shared().await.client();
    for origin in [vite, "http://127.0.0.1:8000", "http://[::1]:4200"] {
        let response = client.with("origin", origin).get("/health").await;
        let allowed = response.header("access-control-allow-origin");
        assert_eq!(allowed, Some(origin));
        // Cookies of such a page count too.
        let guest = client.with("origin", origin);
        let response = guest.send("POST", "/api/v1/auth/guest", None).await;
        assert_eq!(response.status, 201, "{response:?}");
    }
    for origin in [
        "http://localhost.evil.example",
        "https://evil.example",
        "null",
    ] {
        let response = client.with("origin", origin).get("/health").await;
        assert_eq!(response.header("access-control-allow-origin"), None);
    }
}

#[tokio::test]
async fn cors_origins_are_normalised_and_invalid_ones_logged_with_their_position() {
    let origins = " HTTPS://Goldfish.chat/ ,https://b.example:443,nonsense,*,https://c.example/x";
    let app = App::with_defaults()
        .variable("cors_origins", origins)
        .start()
        .await;
    for origin in ["https://goldfish.chat", "https://b.example"] {
        let response = app.client().with("origin", origin).get("/health").await;
        let allowed = response.header("access-control-allow-origin");
        assert_eq!(allowed, Some(origin));
    }
    for origin in ["nonsense", "*", "https://c.example"] {
        let response = app.client().with("origin", origin).get("/health").await;
        assert_eq!(response.header("access-control-allow-origin"), None);
    }
    let logs = app.logs();
    for position in [3, 4, 5] {
        let warning = format!("cors_origins: item {position} ");
        assert!(logs.contains(&warning), "{warning} in {logs}");
    }
}

#[tokio::test]
async fn refused_origin_is_logged_with_the_variable_to_set() {
    let app = App::with_defaults().start().await;
    let client = app.client().with("origin", "https://app.marker.example");
    for _ in 0..5 {
        assert_eq!(client.get("/health").await.status, 200);
    }
    let logs = app.logs();
    let named = logs.matches("https://app.marker.example").count();
    assert!((1..5).contains(&named), "{logs}");
    assert!(logs.contains("cors_origins"), "{logs}");
}

#[tokio::test]
async fn cors_origins_sets_the_allowed_origins() {
    let origins = "https://goldfish.chat, https://other.example";
    let app = App::with_defaults()
        .variable("cors_origins", origins)
        .start()
        .await;
    for (origin, allowed) in [
        ("https://goldfish.chat", true),
        ("https://other.example", true),
        (ORIGIN, false),
        ("https://sub.goldfish.chat", false),
    ] {
        let response = app.client().with("origin", origin).get("/health").await;
        let expected = allowed.then_some(origin);
        assert_eq!(response.header("access-control-allow-origin"), expected);
    }
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_413() {
    let app = App::shared().await;
    let guest = app.client().guest().await;
    let client = guest.with("content-type", "application/json");
    let mut body = br#"{"theme":"dark"}"#.to_vec();
    body.resize(1_048_576, b' ');
    let response = client.send("PUT", "/api/preferences", Some(body)).await;
    assert_eq!(response.status, 200, "{response:?}");
    // Before any of the body has been sent.
    let request =
        raw_head("PUT", "/api/preferences", &guest.token) + "content-length: 1048577\r\n\r\n";
    let response = raw_response(app, request, "PAYLOAD_TOO_LARGE").await;
    assert!(response.starts_with("HTTP/1.1 413"), "{response}");
}

#[tokio::test]
async fn a_body_of_unknown_length_beyond_the_limit_is_413() {
    let app = App::shared().await;
    let guest = app.client().guest().await;
    let mut request = raw_head("PUT", "/api/preferences", &guest.token);
    request += "transfer-encoding: chunked\r\n\r\n";
    // One chunk beyond the limit and no end: the response has to come before the end.
    for _ in 0..17 {
        request += &format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    }
    let response = raw_response(app, request, "requestId").await;
    assert!(response.starts_with("HTTP/1.1 413"), "{response}");
    assert!(response.contains("PAYLOAD_TOO_LARGE"), "{response}");
}

#[tokio::test]
async fn a_413_reaches_a_client_that_sends_the_whole_body_first() {
    let app = App::shared().await;
    let guest = app.client().guest().await;
    let mut request = raw_head("PUT", "/api/preferences", &guest.token);
    request += "transfer-encoding: chunked\r\n\r\n";
    // Two megabytes beyond the limit.
    for _ in 0..48 {
        request += &format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    }
    request += "0\r\n\r\n";
    let mut stream = TcpStream::connect(app.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    in_time("the response", async {
        while !String::from_utf8_lossy(&response).contains("requestId") {
            let read = stream.read_buf(&mut response).await.unwrap();
            assert!(read > 0, "{:?}", String::from_utf8_lossy(&response));
        }
    })
    .await;
    assert!(response.starts_with(b"HTTP/1.1 413"), "{response:?}");
}

fn raw_head(method: &str, path: &str, token: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         authorization: Bearer {token}\r\n"
    )
}

/// The response to these bytes, read until it contains `end`. A client that is rejected in the
/// middle of its request may be unable to write more, and still has a response to read.
async fn raw_response(app: &App, request: String, end: &str) -> String {
    let stream = TcpStream::connect(app.address()).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let writing = tokio::spawn(async move {
        let _ = writer.write_all(request.as_bytes()).await;
        writer
    });
    let mut response = Vec::new();
    in_time("the response", async {
        while !String::from_utf8_lossy(&response).contains(end) {
            let read = reader.read_buf(&mut response).await.unwrap();
            assert!(read > 0, "{:?}", String::from_utf8_lossy(&response));
        }
    })
    .await;
    writing.abort();
    String::from_utf8(response).unwrap()
}

#[tokio::test]
async fn max_body_bytes_sets_the_limit() {
    let app = App::with_defaults()
        .variable("max_body_bytes", "100")
        .start()
        .await;
    let guest = app.client().guest().await;
    let response = guest
        .put(
            "/api/preferences",
            json!({ "systemPrompt": "x".repeat(200) }),
        )
        .await;
    response.is_error(413, "PAYLOAD_TOO_LARGE");
    let response = guest
        .put("/api/preferences", json!({ "systemPrompt": "short" }))
        .await;
    assert_eq!(response.status, 200, "{response:?}");
}

#[tokio::test]
async fn hostile_headers_are_harmless() {
    let client = App::shared().await.client();
    let guest = client.guest().await;
    let long = "x".repeat(6000);
    for (name, value) in [
        ("cookie", "goldfish-session"),
        ("cookie", ";;;===;;;"),
        ("cookie", long.as_str()),
        ("authorization", "Basic dXNlcjpwYXNz"),
        ("authorization", "Bearer"),
        ("authorization", long.as_str()),
        ("content-length", "0"),
        ("x-forwarded-for", "<script>alert(1)</script>"),
        ("spin-client-addr", "1.2.3.4:5"),
        ("accept-encoding", "gzip;q=nonsense"),
        ("idempotency-key", long.as_str()),
    ] {
        let response = client.with(name, value).get("/api/models").await;
        assert_eq!(response.status, 401, "{name}: {response:?}");
        if name != "authorization" {
            let response = guest.client.with(name, value).get("/api/models").await;
            assert_eq!(response.status, 200, "{name}: {response:?}");
        }
    }
}
