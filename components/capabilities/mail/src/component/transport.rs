//! HTTP requests to the webhook.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use http::Request;
use http_body_util::Full;
use spin_sdk::time::sleep;
use spin_sdk::wasip3::http::types::ErrorCode;

use crate::webhook::{Delivery, WebhookRequest, delivery};

/// Timeout of an attempt.
const TIMEOUT: Duration = Duration::from_secs(4);

/// Sends a request once. Returns the result and a text for the log if it failed.
pub(super) async fn attempt(url: &str, request: &WebhookRequest) -> (Delivery, String) {
    let mut builder = Request::post(url)
        .header("content-type", "application/json")
        .header(
            "user-agent",
            concat!("goldfish/", env!("CARGO_PKG_VERSION")),
        )
        .header("webhook-id", &request.id)
        .header("webhook-timestamp", request.timestamp);
    if let Some(signature) = &request.signature {
        builder = builder.header("webhook-signature", signature);
    }
    let Ok(request) = builder.body(Full::new(Bytes::from(request.body.clone()))) else {
        return (
            Delivery::Refused,
            "mail_webhook_url is not a URL".to_owned(),
        );
    };
    let sent = pin!(spin_sdk::http::send(request));
    match select(sent, pin!(sleep(TIMEOUT))).await {
        Either::Left((Ok(response), _)) => {
            let status = response.status().as_u16();
            (delivery(status), format!("the webhook answers {status}"))
        }
        Either::Left((Err(ErrorCode::HttpRequestDenied), _)) => {
            let text = "allowed_outbound_hosts in spin.toml does not hold the webhook";
            (Delivery::Refused, text.to_owned())
        }
        // Without the host's own texts, because some contain addresses.
        Either::Left((Err(_), _)) => (
            Delivery::RetryLater,
            "the webhook is out of reach".to_owned(),
        ),
        Either::Right(_) => (Delivery::RetryLater, "the webhook took too long".to_owned()),
    }
}
