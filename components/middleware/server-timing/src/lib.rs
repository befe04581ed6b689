//! HTTP middleware that adds `Server-Timing: app;dur=…` (W3C Server Timing) to each response: the
//! milliseconds the application took to begin it. An example of the slot; off unless an operator
//! names it at a route in `spin.toml`.
//!
//! It forwards the request and the response's body unchanged. The host moves the bytes, so
//! that streams pass without being read here.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

use std::time::{Duration, Instant};

use spin_sdk::{
    http::next,
    wasip3::{
        http::types::{ErrorCode, Request, Response},
        wit_future,
    },
};

#[cfg(target_family = "wasm")]
#[allow(unsafe_code, clippy::all, reason = "generated")]
mod component {
    use super::{ErrorCode, Request, Response};

    struct Component;

    impl spin_sdk::wasip3::exports::http::handler::Guest for Component {
        async fn handle(request: Request) -> Result<Response, ErrorCode> {
            super::handle(request).await
        }
    }

    spin_sdk::wasip3::http::service::export!(Component);
}

async fn handle(request: Request) -> Result<Response, ErrorCode> {
    let begun = Instant::now();
    let mut response = next(request).await?;
    let took = begun.elapsed();
    response
        .body_mut()
        .take_unstarted()
        .map(|response| with_timing(response, took))
        .ok_or(ErrorCode::InternalError(None))
}

fn with_timing(response: Response, took: Duration) -> Response {
    let status = response.get_status_code();
    let fields = response.get_headers().clone();
    // Fails only for a field that may not be set; the response matters more than its timing.
    let _ = fields.append("server-timing", value(took).as_bytes());
    // Dropping the writer reports that the body was handled without an error.
    let (_, verdict) = wit_future::new(|| Ok(()));
    let (body, trailers) = Response::consume_body(response, verdict);
    let (timed, _sent) = Response::new(fields, Some(body), trailers);
    let _ = timed.set_status_code(status);
    timed
}

fn value(took: Duration) -> String {
    format!("app;dur={:.1}", took.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::value;
    use std::time::Duration;

    #[test]
    fn durations_are_milliseconds() {
        assert_eq!(value(Duration::from_micros(12_340)), "app;dur=12.3");
        assert_eq!(value(Duration::ZERO), "app;dur=0.0");
    }
}
