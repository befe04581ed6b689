//! `GET /health`.

use crate::harness::App;

#[tokio::test]
async fn health_is_public_and_checks_the_store() {
    let app = App::shared().await;
    let response = app.client().get("/health").await;
    assert_eq!(response.status, 200, "{response:?}");
    let body = response.json();
    assert_eq!(body["status"], "ok");
    assert_eq!(body["checks"]["keyValue"], "ok");
    assert_eq!(body["version"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn health_with_another_method_is_405() {
    let app = App::shared().await;
    let response = app.client().send("POST", "/health", None).await;
    response.is_error(405, "METHOD_NOT_ALLOWED");
    assert!(
        response.header("allow").unwrap().contains("GET"),
        "{response:?}"
    );
}

#[tokio::test]
async fn health_head_returns_no_body() {
    let app = App::shared().await;
    let response = app.client().send("HEAD", "/health", None).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert!(response.body.is_empty());
}
