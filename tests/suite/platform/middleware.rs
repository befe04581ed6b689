//! The middleware slot: `server-timing`, switched on in a copy of `spin.toml`.

use serde_json::json;
use toml::Value;
use upstream::{Fault, Script, Upstream};

use crate::harness::{App, ChangedManifest, trigger};

fn with_server_timing(routes: &[&str]) -> ChangedManifest {
    ChangedManifest::new(|table| {
        for route in routes {
            let dependencies: Value =
                toml::from_str::<toml::Table>("middleware = [{ component = \"server-timing\" }]")
                    .unwrap()
                    .into();
            trigger(table, route).insert("dependencies".to_owned(), dependencies);
        }
    })
}

#[tokio::test]
async fn server_timing_when_switched_on_adds_the_header() {
    let manifest = with_server_timing(&["/health", "/api/preferences/..."]);
    let app = App::with_defaults().manifest(manifest.path()).start().await;
    let guest = app.client().guest().await;
    let timing = app.client().get("/health").await;
    assert_eq!(timing.status, 200, "{timing:?}");
    assert_eq!(timing.json()["status"], "ok");
    assert!(
        timing.header("server-timing").unwrap().contains("dur="),
        "{timing:?}"
    );
    assert!(
        timing.header("x-request-id").is_some(),
        "the route's own headers stay"
    );
    // Bodies, methods, queries and errors pass.
    let response = guest
        .put("/api/preferences?a=b", json!({ "theme": "light" }))
        .await;
    assert_eq!(
        (response.status, &response.json()["theme"]),
        (200, &json!("light"))
    );
    let response = guest.put("/api/preferences", json!({ "theme": 1 })).await;
    response.is_error(400, "VALIDATION_ERROR");
    assert!(response.header("server-timing").is_some());
    assert_eq!(guest.get("/api/models").await.header("server-timing"), None);
}

#[tokio::test]
async fn server_timing_keeps_streams_streaming() {
    let script = Script::new(["first", "second", "never"]).fault(Fault::HangAfter(2));
    let upstream = Upstream::start(script).await.unwrap();
    let manifest = with_server_timing(&["/api/chat/..."]);
    let app = App::with_defaults()
        .openai(&upstream)
        .manifest(manifest.path())
        .start()
        .await;
    let guest = app.client().guest().await;
    let mut chat = guest
        .chat(json!({ "message": "Hi", "model": "gpt-4o" }))
        .await;
    assert!(chat.header("server-timing").is_some());
    assert_eq!(chat.next_content().await.as_deref(), Some("first"));
    assert_eq!(chat.next_content().await.as_deref(), Some("second"));
}

#[tokio::test]
async fn server_timing_when_switched_off_adds_no_header() {
    let response = App::shared().await.client().get("/health").await;
    assert_eq!(response.header("server-timing"), None);
}
