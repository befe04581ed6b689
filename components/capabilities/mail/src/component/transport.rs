//! HTTP to the webhook.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use http::Request;
use http_body_util::Full;
use spin_sdk::time::sleep;
use spin_sdk::wasip3::http::types::ErrorCode;

use crate::webhook::{Call, Verdict, verdict};

/// Longest time that an attempt may take: somebody may be waiting for all of them.
const PATIENCE: Duration = Duration::from_secs(4);

/// One attempt to hand a message over, and what to write into the log if it fails.
pub(super) async fn attempt(url: &str, call: &Call) -> (Verdict, String) {
    let mut builder = Request::post(url)
        .header("content-type", "application/json")
        .header(
            "user-agent",
            concat!("goldfish/", env!("CARGO_PKG_VERSION")),
        )
        .header("webhook-id", &call.id)
        .header("webhook-timestamp", call.timestamp);
    if let Some(signature) = &call.signature {
        builder = builder.header("webhook-signature", signature);
    }
    let Ok(request) = builder.body(Full::new(Bytes::from(call.body.clone()))) else {
        return (Verdict::Refused, "mail_webhook_url is no URL".to_owned());
    };
    let sent = pin!(spin_sdk::http::send(request));
    match select(sent, pin!(sleep(PATIENCE))).await {
        Either::Left((Ok(response), _)) => {
            let status = response.status().as_u16();
            (verdict(status), format!("the webhook answers {status}"))
        }
        Either::Left((Err(ErrorCode::HttpRequestDenied), _)) => {
            let text = "allowed_outbound_hosts in spin.toml does not hold the webhook";
            (Verdict::Refused, text.to_owned())
        }
        // The host's own texts are left out: some put addresses into them.
        Either::Left((Err(_), _)) => (Verdict::Busy, "the webhook is out of reach".to_owned()),
        Either::Right(_) => (Verdict::Busy, "the webhook took too long".to_owned()),
    }
}
