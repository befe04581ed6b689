//! HTTP requests to identity providers, with limits on time and size.

use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use http_body_util::{BodyExt, Full, Limited};
use spin_sdk::time::sleep;

/// Sends a request. Returns status and body if the response is complete within `timeout` and not
/// larger than `max_bytes`.
pub(super) async fn send(
    request: http::Request<Full<Bytes>>,
    timeout: Duration,
    max_bytes: usize,
) -> Option<(u16, Bytes)> {
    let request = std::pin::pin!(send_request(request, max_bytes));
    let timeout = std::pin::pin!(sleep(timeout));
    match select(request, timeout).await {
        Either::Left((response, _)) => response,
        Either::Right(_) => None,
    }
}

async fn send_request(
    request: http::Request<Full<Bytes>>,
    max_bytes: usize,
) -> Option<(u16, Bytes)> {
    let response = spin_sdk::http::send(request).await.ok()?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), max_bytes);
    Some((status, body.collect().await.ok()?.to_bytes()))
}

/// A GET request. `None` if the URL is invalid.
pub(super) fn get(url: &str) -> Option<http::Request<Full<Bytes>>> {
    http::Request::get(url).body(Full::default()).ok()
}

/// A POST request with a JSON body. `None` if the URL is invalid or the key is not valid in a header.
pub(super) fn post(url: &str, api_key: &str, json: String) -> Option<http::Request<Full<Bytes>>> {
    http::Request::post(url)
        .header("content-type", "application/json")
        .header("accept", "application/json")
        .header("authorization", format!("Bearer {api_key}"))
        .body(Full::from(json))
        .ok()
}
