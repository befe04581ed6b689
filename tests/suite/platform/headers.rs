//! The headers that the host adds to a request. Spin appends them to those of the client, so a client can
//! send headers of the same names.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{App, PASSWORD, credentials, in_time, new_email};

/// Sends these bytes and returns all that the server sends until it closes the connection.
async fn exchange(app: &App, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(app.address()).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut response = Vec::new();
    in_time(
        "the end of the connection",
        stream.read_to_end(&mut response),
    )
    .await
    .unwrap();
    String::from_utf8(response).unwrap()
}

#[tokio::test]
async fn sign_in_with_forged_client_addresses_is_limited() {
    let app = App::with_defaults()
        .variable("rate_limit_auth_per_minute", "3")
        .start()
        .await;
    let mut statuses = Vec::new();
    for number in 0..8 {
        let forged = format!("203.0.113.{number}:4711");
        let client = app
            .client()
            .with("spin-client-addr", &forged)
            .with("Spin-Client-Addr", &format!("[2001:db8:{number}::1]:1"));
        let body = credentials(&new_email(), PASSWORD);
        statuses.push(client.post("/api/v1/auth/login", body).await.status);
    }
    // A minute may end between two of the requests.
    let limited = statuses.iter().filter(|status| **status == 429).count();
    assert!(limited >= 2, "{statuses:?}");
}

#[tokio::test]
async fn sessions_with_a_forged_client_address_show_the_address_of_the_connection() {
    let app = App::shared().await;
    let client = app.client().with("spin-client-addr", "203.0.113.7:4711");
    let user = client.user().await;
    let sessions = user.by_cookie(&client).get("/api/auth/list-sessions").await;
    assert_eq!(sessions.status, 200, "{sessions:?}");
    assert_eq!(sessions.json()[0]["ipAddress"], "127.0.0.1", "{sessions:?}");
}

#[tokio::test]
async fn cookies_with_a_forged_full_url_have_the_flags_of_the_connection() {
    let client = App::shared()
        .await
        .client()
        .with("spin-full-url", "https://chat.example/api/v1/auth/guest");
    let response = client.send("POST", "/api/v1/auth/guest", None).await;
    assert_eq!(response.status, 201, "{response:?}");
    let cookies = response.set_cookies();
    assert!(!cookies.is_empty(), "{response:?}");
    assert!(
        cookies.iter().all(|cookie| !cookie.contains("Secure")),
        "{cookies:?}"
    );
}

#[tokio::test]
async fn routes_with_forged_spin_headers_are_those_of_the_path() {
    let guest = App::shared().await.client().guest().await;
    let id = guest.say("Hello").await;
    let forged = [
        ("spin-path-info", "/api/models"),
        ("spin-matched-route", "/api/models"),
        ("spin-component-route", "/api/models"),
        ("spin-raw-component-route", "/api/models"),
        ("spin-base-path", "/other"),
        ("spin-path-match-id", "00000000-0000-4000-8000-000000000000"),
    ];
    for (name, value) in forged {
        let response = guest
            .with(name, value)
            .get(&format!("/api/conversations/{id}"))
            .await;
        assert_eq!(response.status, 200, "{name}: {response:?}");
        assert_eq!(response.json()["id"], json!(id), "{name}");
    }
}

#[tokio::test]
async fn a_header_that_is_not_utf8_is_an_error_of_the_host() {
    let app = App::shared().await;
    let request =
        b"GET /health HTTP/1.1\r\nhost: localhost\r\nx-odd: \xff\r\nconnection: close\r\n\r\n";
    let response = exchange(app, request).await;
    assert!(response.starts_with("HTTP/1.1 500"), "{response}");
    assert!(response.ends_with("\r\n\r\n"), "no body: {response}");
    assert_eq!(app.client().get("/health").await.status, 200);
}

#[tokio::test]
async fn a_request_without_a_valid_host_gets_no_response() {
    let app = App::shared().await;
    for request in [
        &b"GET /health HTTP/1.0\r\n\r\n"[..],
        &b"GET /health HTTP/1.1\r\nhost: a b\r\n\r\n"[..],
        &b"GET http://one.example/health HTTP/1.1\r\nhost: two.example\r\n\r\n"[..],
    ] {
        let response = exchange(app, request).await;
        assert!(!response.contains("200"), "{response}");
        assert!(!response.contains("status"), "{response}");
    }
    assert_eq!(app.client().get("/health").await.status, 200);
}

#[tokio::test]
async fn well_known_paths_of_spin_are_of_the_host() {
    let client = App::shared().await.client().accept_host_errors();
    let response = client.get("/.well-known/spin/health").await;
    assert_eq!((response.status, response.text()), (200, "OK"));
    let response = client.get("/.well-known/spin/other").await;
    assert_eq!((response.status, response.text()), (404, ""));
}
