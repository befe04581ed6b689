//! Requests to identity providers: small answers, within a time.

use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use http_body_util::{BodyExt, Full, Limited};
use spin_sdk::time::sleep;

/// Sends a request; the status and the body of the answer, if it is complete within `timeout` and
/// has no more than `max_bytes`.
pub(super) async fn send(
    request: http::Request<Full<Bytes>>,
    timeout: Duration,
    max_bytes: usize,
) -> Option<(u16, Bytes)> {
    let exchange = std::pin::pin!(exchange(request, max_bytes));
    let timeout = std::pin::pin!(sleep(timeout));
    match select(exchange, timeout).await {
        Either::Left((answer, _)) => answer,
        Either::Right(_) => None,
    }
}

async fn exchange(request: http::Request<Full<Bytes>>, max_bytes: usize) -> Option<(u16, Bytes)> {
    let response = spin_sdk::http::send(request).await.ok()?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), max_bytes);
    Some((status, body.collect().await.ok()?.to_bytes()))
}

/// A request without a body; `None` if the URL is none.
pub(super) fn get(url: &str) -> Option<http::Request<Full<Bytes>>> {
    http::Request::get(url).body(Full::default()).ok()
}

/// A request with a JSON body; `None` if the URL is none, or the key cannot be in a header.
pub(super) fn post(url: &str, api_key: &str, json: String) -> Option<http::Request<Full<Bytes>>> {
    http::Request::post(url)
        .header("content-type", "application/json")
        .header("accept", "application/json")
        .header("authorization", format!("Bearer {api_key}"))
        .body(Full::from(json))
        .ok()
}
