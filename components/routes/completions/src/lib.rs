//! OpenAI's Chat Completions for every model of the catalogue: `POST /v1/chat/completions`,
//! `GET /v1/models`, `GET /v1/models/:id`; and `POST /chat/completions`, which answers `{messages}`
//! with `{response}` and anything more as OpenAI does. Nothing of it is stored, unless the operator has
//! answers kept for who asks the same again.
//!
//! Event streams have neither `id:` lines nor comments: OpenAI's libraries take such events for
//! chunks.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

mod answer;
mod ask;
mod catalogue;
mod errors;
mod reply;
mod request;
mod reuse;
mod screened;
mod stream;

use std::time::Instant;

use contracts::identity::types::Scope;
use http_edge::{ApiError, Context, Response};
use serde_json::{Map, Value};

use reply::Shape;
use request::Asked;
use reuse::Wish;

http_edge::routes! {
    errors: errors::render,
    POST "/v1/chat/completions" => complete,
    POST "/chat/completions" => respond,
    GET "/v1/models" => list_models,
    GET "/v1/models/:id" => show_model,
    GET "/v1/models/:vendor/:id" => show_model,
    GET "/v1/models/:gateway/:vendor/:id" => show_model,
}

/// The header field that tells how long we took until the answer began.
const PROCESSING: &str = "openai-processing-ms";

async fn complete(context: &mut Context) -> Result<Response, ApiError> {
    answer_chat(context, |_| Shape::OpenAi).await
}

/// As worker-api does, unless OpenAI is what the client expects.
async fn respond(context: &mut Context) -> Result<Response, ApiError> {
    answer_chat(context, |fields| {
        let given = |name| fields.get(name).is_some_and(|value| !value.is_null());
        if given("model") || given("stream") {
            Shape::OpenAi
        } else {
            Shape::Plain
        }
    })
    .await
}

async fn answer_chat(
    context: &mut Context,
    shape_of: fn(&Map<String, Value>) -> Shape,
) -> Result<Response, ApiError> {
    let begun = Instant::now();
    let answered = try_answer(context, shape_of).await;
    context.set_header(PROCESSING, begun.elapsed().as_millis().to_string());
    answered.map_err(|error| errors::own(context, error))
}

async fn try_answer(
    context: &mut Context,
    shape_of: fn(&Map<String, Value>) -> Shape,
) -> Result<Response, ApiError> {
    let principal = access::authenticate(context).await?;
    access::require_scope(&principal, Scope::Chat)?;
    let fields = context.json::<Map<String, Value>>().await?;
    let shape = shape_of(&fields);
    let wish = Wish::of(context, &principal, &fields, shape).await;
    let asked = Asked::read(fields)?;
    if asked.request.model.is_empty() && context.head.path.starts_with("/v1/") {
        return Err(ApiError::invalid("model", "is missing"));
    }
    ask::ask(context, &principal, asked, shape, wish).await
}

async fn list_models(context: &mut Context) -> Result<Response, ApiError> {
    let listed = catalogue::list(context).await;
    listed.map_err(|error| errors::own(context, error))
}

async fn show_model(context: &mut Context) -> Result<Response, ApiError> {
    let shown = catalogue::show(context).await;
    shown.map_err(|error| errors::own(context, error))
}
