//! `GET /health`.

use crate::harness::App;

#[tokio::test]
async fn health_is_public_and_checks_the_store() {
    let app = App::shared().await;
    let answer = app.client().get("/health").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    assert_eq!(body["status"], "ok");
    assert_eq!(body["checks"]["keyValue"], "ok");
    assert_eq!(body["version"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn health_with_another_method_is_405() {
    let app = App::shared().await;
    let answer = app.client().send("POST", "/health", None).await;
    answer.is_error(405, "METHOD_NOT_ALLOWED");
    assert!(
        answer.header("allow").unwrap().contains("GET"),
        "{answer:?}"
    );
}

#[tokio::test]
async fn health_head_returns_no_body() {
    let app = App::shared().await;
    let answer = app.client().send("HEAD", "/health", None).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.body.is_empty());
}
