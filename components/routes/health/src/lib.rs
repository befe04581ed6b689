//! `GET /health`: whether the application can work. Public, and says no more than that.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

use http_edge::{ApiError, Context, Response};
use serde::Serialize;

http_edge::routes! {
    GET "/health" => check_health,
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    version: &'static str,
    checks: Checks,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Checks {
    key_value: &'static str,
}

async fn check_health(context: &mut Context) -> Result<Response, ApiError> {
    let (status, word) = match user_data::check().await {
        Ok(()) => (200, "ok"),
        Err(failure) => {
            context.log.warn(&failure.message());
            (503, "error")
        }
    };
    let health = Health {
        status: word,
        version: env!("CARGO_PKG_VERSION"),
        checks: Checks { key_value: word },
    };
    Ok(Response::json(&health).status(status))
}
