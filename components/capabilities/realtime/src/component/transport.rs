//! HTTP requests to the control address of a proxy.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use http::Request;
use http_body_util::Full;
use spin_sdk::time::sleep;
use spin_sdk::wasip3::http::types::ErrorCode;

/// Timeout of an attempt.
const TIMEOUT: Duration = Duration::from_secs(3);

/// What became of a request, with a text for the log.
pub(super) enum Outcome {
    Accepted,
    Refused(String),
    RetryLater(String),
}

/// Sends a request once.
pub(super) async fn attempt(url: &str, token: &str, body: &str) -> Outcome {
    let mut builder = Request::post(url)
        .header("content-type", "application/json")
        // Pushpin refuses a body of unknown length (411).
        .header("content-length", body.len());
    if !token.is_empty() {
        builder = builder.header("authorization", format!("Bearer {token}"));
    }
    let Ok(request) = builder.body(Full::new(Bytes::from(body.to_owned()))) else {
        return Outcome::Refused("grip_control_url is not a URL".to_owned());
    };
    let sent = pin!(spin_sdk::http::send(request));
    match select(sent, pin!(sleep(TIMEOUT))).await {
        Either::Left((Ok(response), _)) => match response.status().as_u16() {
            200..300 => Outcome::Accepted,
            status @ 400..500 => Outcome::Refused(format!("the proxy answers {status}")),
            status => Outcome::RetryLater(format!("the proxy answers {status}")),
        },
        Either::Left((Err(ErrorCode::HttpRequestDenied), _)) => {
            let text = "allowed_outbound_hosts in spin.toml does not hold the proxy";
            Outcome::Refused(text.to_owned())
        }
        // Without the host's own texts, because some contain addresses.
        Either::Left((Err(_), _)) => Outcome::RetryLater("the proxy is out of reach".to_owned()),
        Either::Right(_) => Outcome::RetryLater("the proxy took too long".to_owned()),
    }
}
