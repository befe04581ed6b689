//! `/openapi.json` and `/docs`: that the description is there, and of this API. That the API keeps to
//! it is checked with every request of this suite: see `harness/description.rs`.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::edge;
use crate::harness::{App, manifest};

/// What people look at and programs do not ask: pages and what belongs to them.
const NOT_DESCRIBED: [(&str, &str); 3] = [
    ("GET", "/docs"),
    ("GET", "/docs/:file"),
    // Any path that is not there.
    ("ANY", "/..."),
];

async fn description() -> Value {
    let answer = App::shared().await.client().get("/openapi.json").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

#[tokio::test]
async fn the_description_is_made_of_what_lies_beside_the_routes() {
    let routes = manifest().parent().unwrap().join("components/routes");
    let made = api_description::text(&routes).unwrap();
    let kept = std::fs::read_to_string(routes.join(api_description::WRITTEN)).unwrap();
    assert!(
        made == kept,
        "openapi.json is not of these fragments: run `cargo run --package api-description`"
    );
    let made: Value = serde_json::from_str(&made).unwrap();
    assert_eq!(description().await, made, "what is served");
    assert_eq!(made["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(made["servers"][0]["url"], "/");
}

#[tokio::test]
async fn every_endpoint_is_described_and_nothing_else() {
    let document = description().await;
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        // `{id}` here is `:id` there.
        let path = path.replace('{', ":").replace('}', "");
        for method in item.as_object().unwrap().keys() {
            if method != "parameters" {
                described.insert((method.to_uppercase(), path.clone()));
            }
        }
    }
    let mut there: BTreeSet<_> = edge::in_sources().into_iter().collect();
    for (method, path) in NOT_DESCRIBED {
        let was_there = there.remove(&(method.to_owned(), path.to_owned()));
        assert!(was_there, "{method} {path} need not be listed");
    }
    assert_eq!(described, there);
}
