//! OpenAI's Chat Completions API for every model of the catalogue: `POST /v1/chat/completions`,
//! `GET /v1/models`, `GET /v1/models/:id`; and worker-api's `POST /chat/completions`, which responds to
//! `{messages}` with `{response}`, and to any other request as OpenAI does. Nothing is stored, unless
//! the operator switched the response cache on.
//!
//! Event streams contain neither `id:` lines nor comments, because OpenAI's libraries read such
//! events as chunks.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

mod cache;
mod create;
mod encode;
mod models;
mod request;
mod whole;

use std::time::Instant;

use completion::Report;
use http_edge::{ApiError, Context, Response};
use serde_json::{Map, Value};

use cache::CacheRequest;
use encode::Shape;
use model_api::openai_errors as errors;
use request::CompletionRequest;

http_edge::routes! {
    errors: errors::render,
    POST "/v1/chat/completions" => create_completion,
    POST "/chat/completions" => create_response,
    GET "/v1/models" => list_models,
    GET "/v1/models/:id" => show_model,
    GET "/v1/models/:vendor/:id" => show_model,
    GET "/v1/models/:gateway/:vendor/:id" => show_model,
}

/// The header with the time that passed until the response began, in milliseconds.
const PROCESSING_MS: &str = "openai-processing-ms";

async fn create_completion(context: &mut Context) -> Result<Response, ApiError> {
    timed(context, |_| Shape::OpenAi).await
}

/// In worker-api's shape, unless the request has a field that only OpenAI's clients send.
async fn create_response(context: &mut Context) -> Result<Response, ApiError> {
    timed(context, |fields| {
        let has = |name| fields.get(name).is_some_and(|value| !value.is_null());
        if has("model") || has("stream") {
            Shape::OpenAi
        } else {
            Shape::WorkerApi
        }
    })
    .await
}

async fn timed(
    context: &mut Context,
    shape_of: fn(&Map<String, Value>) -> Shape,
) -> Result<Response, ApiError> {
    let started = Instant::now();
    let response = create(context, shape_of).await;
    context.set_header(PROCESSING_MS, started.elapsed().as_millis().to_string());
    response.map_err(|error| errors::for_openai(context, error))
}

async fn create(
    context: &mut Context,
    shape_of: fn(&Map<String, Value>) -> Shape,
) -> Result<Response, ApiError> {
    let principal = model_api::authenticate(context).await?;
    let fields = context.json::<Map<String, Value>>().await?;
    let shape = shape_of(&fields);
    let cache = CacheRequest::of(&context.head, &principal.user.id, &fields, shape).await;
    let request = CompletionRequest::read(fields)?;
    if request.request.model.is_empty() && context.head.path.starts_with("/v1/") {
        return Err(ApiError::invalid("model", "is missing"));
    }
    let mut report = Report::default();
    let response = create::respond(&principal, request, shape, cache, &mut report).await;
    report.apply(context);
    response
}

async fn list_models(context: &mut Context) -> Result<Response, ApiError> {
    let models = models::list(context).await;
    models.map_err(|error| errors::for_openai(context, error))
}

async fn show_model(context: &mut Context) -> Result<Response, ApiError> {
    let model = models::show(context).await;
    model.map_err(|error| errors::for_openai(context, error))
}
