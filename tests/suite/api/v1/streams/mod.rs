//! `/api/v1/streams`, on both databases.

mod crashes;
mod following;
mod privacy;
mod quotas;
mod replies;
mod shapes;

use serde_json::{Value, json};

use crate::harness::{Client, Response};

pub(crate) const STREAMS: &str = "/api/v1/streams";

/// Makes a test of a function on each database.
macro_rules! on_each_database {
    ($($name:ident),+ $(,)?) => {
        $(
            mod $name {
                #[tokio::test]
                async fn on_each_database() {
                    let name = stringify!($name);
                    for app in crate::harness::App::on_each_database(name).await {
                        super::$name(app).await;
                    }
                }
            }
        )+
    };
}
pub(crate) use on_each_database;

/// The path of a stream.
pub(crate) fn path(id: &str) -> String {
    format!("{STREAMS}/{id}")
}

/// Creates a stream under a name and asserts that it is new.
pub(crate) async fn put(client: &Client, id: &str, content_type: &str) {
    let client = client.with("content-type", content_type);
    let response = client.send("PUT", &path(id), None).await;
    assert_eq!(response.status, 201, "{response:?}");
}

/// Creates a stream with an id of the server, and returns the response.
pub(crate) async fn create(client: &Client, body: Value) -> Value {
    let response = client.post(STREAMS, body).await;
    assert_eq!(response.status, 201, "{response:?}");
    response.json()
}

/// Appends text.
pub(crate) async fn append(client: &Client, id: &str, text: &str) -> Response {
    let client = client.with("content-type", "text/plain");
    let body = text.as_bytes().to_vec();
    client.send("POST", &path(id), Some(body)).await
}

pub(crate) fn next_offset(response: &Response) -> String {
    response.header("stream-next-offset").unwrap().to_owned()
}

/// Ids of the streams of a user.
pub(crate) async fn listed(client: &Client) -> Vec<String> {
    let mut ids = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = client.get(&format!("{STREAMS}?limit=2{cursor}")).await;
        assert_eq!(page.status, 200, "{page:?}");
        let page = page.json();
        for stream in page["streams"].as_array().unwrap() {
            ids.push(stream["id"].as_str().unwrap().to_owned());
        }
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
    }
}

/// An empty object, for requests that take their defaults.
pub(crate) fn defaults() -> Value {
    json!({})
}
