//! `GET /api/credits/transactions`.

use serde_json::json;
use upstream::{Script, Upstream};

use crate::harness::App;

#[tokio::test]
async fn transactions_are_returned_in_pages() {
    let upstream = Upstream::start(Script::words(5)).await.unwrap();
    let app = App::with_defaults()
        .openai(&upstream)
        .admin()
        .variable("plans", "{}")
        .start()
        .await;
    let client = app.client();
    let user = client.user().await;
    let path = format!("/api/admin/users/{}/credits", user.id);
    for amount in 1..=5 {
        client
            .admin()
            .post(&path, json!({ "amount": amount }))
            .await;
    }
    let mut seen = Vec::new();
    let mut query = "?limit=2".to_owned();
    loop {
        let response = user.get(&format!("/api/credits/transactions{query}")).await;
        assert_eq!(response.status, 200, "{response:?}");
        let page = response.json();
        let rows = page["transactions"].as_array().unwrap();
        seen.extend(rows.iter().map(|row| row["amount"].as_i64().unwrap()));
        match page["next"].as_str() {
            Some(next) => query = format!("?limit=2&before={next}"),
            None => break,
        }
        assert!(seen.len() < 10, "no end of pages");
    }
    assert_eq!(seen, [5, 4, 3, 2, 1], "newest first, each once");
    for (query, wrong) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("before=x", "before"),
    ] {
        let response = user
            .get(&format!("/api/credits/transactions?{query}"))
            .await;
        response.is_error(400, "VALIDATION_ERROR").names(wrong);
    }
}
