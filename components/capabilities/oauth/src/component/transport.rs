//! HTTP to a provider.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use http::Request;
use http_body_util::{BodyExt, Full, Limited};
use spin_sdk::time::sleep;
use spin_sdk::wasip3::http::types::ErrorCode;

use crate::Error;
use crate::answer::{Answer, MAX_BYTES};
use crate::request::Outgoing;

/// Longest time that one answer may take: somebody waits for it in a browser.
const PATIENCE: Duration = Duration::from_secs(10);

/// GitHub answers nobody who does not say who they are.
const USER_AGENT: &str = concat!("goldfish/", env!("CARGO_PKG_VERSION"));

/// Sends a request and reads the answer to its end.
///
/// # Errors
/// `unavailable` without an answer in time, `protocol` for one that is too long.
pub(super) async fn send(outgoing: Outgoing) -> Result<Answer, Error> {
    match select(pin!(exchange(outgoing)), pin!(sleep(PATIENCE))).await {
        Either::Left((answer, _)) => answer,
        Either::Right(_) => Err(unavailable("the provider took too long")),
    }
}

async fn exchange(outgoing: Outgoing) -> Result<Answer, Error> {
    let response = spin_sdk::http::send(request(outgoing)?)
        .await
        .map_err(|code| unreachable(&code))?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), MAX_BYTES);
    let body = body
        .collect()
        .await
        .map_err(|_| Error::Protocol("the answer broke off or is too long".to_owned()))?;
    Ok(Answer {
        status,
        body: body.to_bytes().into(),
    })
}

fn request(outgoing: Outgoing) -> Result<Request<Full<Bytes>>, Error> {
    let mut builder = match outgoing.form {
        Some(_) => {
            Request::post(&outgoing.url).header("content-type", "application/x-www-form-urlencoded")
        }
        None => Request::get(&outgoing.url),
    };
    builder = builder
        .header("accept", "application/json")
        .header("user-agent", USER_AGENT);
    if let Some(token) = outgoing.token {
        builder = builder.header("authorization", format!("Bearer {token}"));
    }
    let body = outgoing.form.unwrap_or_default();
    builder
        .body(Full::new(Bytes::from(body)))
        .map_err(|_| Error::Protocol("the provider's URL in the settings is no URL".to_owned()))
}

/// A transport error as ours. Its own texts are left out: some hosts put addresses into them.
fn unreachable(code: &ErrorCode) -> Error {
    unavailable(match code {
        ErrorCode::HttpRequestDenied => {
            "allowed_outbound_hosts in spin.toml does not hold the provider"
        }
        ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => {
            "the provider's name is not known"
        }
        ErrorCode::ConnectionRefused => "the provider refused the connection",
        _ => "the connection to the provider broke",
    })
}

fn unavailable(text: &str) -> Error {
    Error::Unavailable(text.to_owned())
}
