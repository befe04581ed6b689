//! OpenAI's Responses API for every model of the catalogue: `POST /v1/responses`, streamed and not.
//! Nothing is stored: a client sends the whole conversation each time, and `store` is always false.
//!
//! A request for one of OpenAI's own models is forwarded unchanged, and so are the events of the response.
//! For other models both are translated.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

mod create;
mod encode;
mod request;

use std::time::Instant;

use http_edge::{ApiError, Context, Response};
use model_api::openai_errors as errors;

http_edge::routes! {
    errors: errors::render,
    POST "/v1/responses" => create_response,
}

/// The header with the time that passed until the response began, in milliseconds.
const PROCESSING_MS: &str = "openai-processing-ms";

async fn create_response(context: &mut Context) -> Result<Response, ApiError> {
    let started = Instant::now();
    let response = create::response(context).await;
    context.set_header(PROCESSING_MS, started.elapsed().as_millis().to_string());
    response.map_err(|error| errors::for_openai(context, error))
}
