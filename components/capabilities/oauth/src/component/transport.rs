//! HTTP requests to a provider.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use http::Request;
use http_body_util::{BodyExt, Full, Limited};
use spin_sdk::time::sleep;
use spin_sdk::wasip3::http::types::ErrorCode;

use crate::Error;
use crate::request::ProviderRequest;
use crate::response::{MAX_BYTES, ProviderResponse};

/// Timeout of a request. A user waits for it in a browser.
const TIMEOUT: Duration = Duration::from_secs(10);

/// GitHub requires a user agent.
const USER_AGENT: &str = concat!("goldfish/", env!("CARGO_PKG_VERSION"));

/// Sends a request and reads the whole response.
///
/// # Errors
/// `unavailable` without a response in time, `protocol` for one that is too large.
pub(super) async fn send(request: ProviderRequest) -> Result<ProviderResponse, Error> {
    match select(pin!(send_request(request)), pin!(sleep(TIMEOUT))).await {
        Either::Left((response, _)) => response,
        Either::Right(_) => Err(unavailable("the provider did not respond in time")),
    }
}

async fn send_request(request: ProviderRequest) -> Result<ProviderResponse, Error> {
    let received = spin_sdk::http::send(to_http(request)?)
        .await
        .map_err(|code| unreachable(&code))?;
    let status = received.status().as_u16();
    let body = Limited::new(received.into_body(), MAX_BYTES);
    let body = body
        .collect()
        .await
        .map_err(|_| Error::Protocol("the response was cut off or is too large".to_owned()))?;
    Ok(ProviderResponse {
        status,
        body: body.to_bytes().into(),
    })
}

fn to_http(request: ProviderRequest) -> Result<Request<Full<Bytes>>, Error> {
    let mut builder = match request.form {
        Some(_) => {
            Request::post(&request.url).header("content-type", "application/x-www-form-urlencoded")
        }
        None => Request::get(&request.url),
    };
    builder = builder
        .header("accept", "application/json")
        .header("user-agent", USER_AGENT);
    if let Some(token) = request.token {
        builder = builder.header("authorization", format!("Bearer {token}"));
    }
    let body = request.form.unwrap_or_default();
    builder
        .body(Full::new(Bytes::from(body)))
        .map_err(|_| Error::Protocol("the provider's URL in the settings is no URL".to_owned()))
}

/// The error for a failed transport. Without the host's own texts, because some contain addresses.
fn unreachable(code: &ErrorCode) -> Error {
    unavailable(match code {
        ErrorCode::HttpRequestDenied => {
            "allowed_outbound_hosts in spin.toml does not include the provider"
        }
        ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => {
            "the provider's host name cannot be resolved"
        }
        ErrorCode::ConnectionRefused => "the provider refused the connection",
        _ => "the connection to the provider was lost",
    })
}

fn unavailable(text: &str) -> Error {
    Error::Unavailable(text.to_owned())
}
