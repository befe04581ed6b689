//! Anthropic's Messages API for every model of the catalogue: `POST /v1/messages`, streamed and not,
//! and `POST /v1/messages/count_tokens`. Nothing is stored.
//!
//! A request for an Anthropic model is forwarded unchanged, and so are the events of the response. For
//! other models both are translated.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

mod create;
mod encode;
mod errors;
mod events;
mod request;

use http_edge::{ApiError, Context, Response};

http_edge::routes! {
    errors: errors::render,
    POST "/v1/messages" => create_message,
    POST "/v1/messages/count_tokens" => count_tokens,
}

async fn create_message(context: &mut Context) -> Result<Response, ApiError> {
    create::message(context)
        .await
        .map_err(|error| errors::for_anthropic(context, error))
}

async fn count_tokens(context: &mut Context) -> Result<Response, ApiError> {
    create::token_count(context)
        .await
        .map_err(|error| errors::for_anthropic(context, error))
}
