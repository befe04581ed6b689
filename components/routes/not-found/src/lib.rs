//! Every path that no other route answers: 404 in the usual error object.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

use http_edge::{ApiError, Context, Response};

http_edge::routes! {
    ANY "/..." => answer_unknown_path,
}

async fn answer_unknown_path(_context: &mut Context) -> Result<Response, ApiError> {
    Err(ApiError::NotFound(http_edge::ROUTE))
}
