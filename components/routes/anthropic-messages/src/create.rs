//! The steps from a request to its response.

use completion::Report;
use contracts::llm::provider;
use http_edge::{ApiError, Context, Head, JsonText, Response};
use model_api::ask;
use serde_json::{Value, json};

use crate::{
    encode::MessageEncoder,
    errors,
    request::{MessageRequest, NativeHeaders},
};

/// `POST /v1/messages`.
pub(crate) async fn message(context: &mut Context) -> Result<Response, ApiError> {
    let principal = model_api::authenticate(context).await?;
    let parsed = read(context, true).await?;
    let mut report = Report::default();
    let is_stream = parsed.is_stream;
    let requested = parsed.request.model.clone();
    let prompt_tokens = token_estimate::tokens_of(model_api::prompt_bytes(&parsed.request));
    let origins = parsed.origins;
    let begun = ask(
        &principal,
        parsed.request,
        is_stream,
        errors::llm,
        &mut report,
    )
    .await
    .map_err(|error| origins.of_error(error));
    let request_id = context.request_id().to_owned();
    report.header("request-id", request_id);
    let response = match begun {
        Ok(reply) => {
            let encoder = MessageEncoder::new(requested, prompt_tokens, reply.moderation.is_on());
            reply.respond(encoder, is_stream, &mut report).await
        }
        Err(error) => Err(error),
    };
    report.apply(context);
    response
}

/// `POST /v1/messages/count_tokens`.
pub(crate) async fn token_count(context: &mut Context) -> Result<Response, ApiError> {
    let principal = model_api::authenticate(context).await?;
    let parsed = read(context, false).await?;
    let mut report = Report::default();
    let (headers, admitted) = access::rate_limit(completion::admit(&principal).await);
    report.headers(headers);
    let request_id = context.request_id().to_owned();
    report.header("request-id", request_id);
    report.apply(context);
    admitted?;
    let tokens = provider::count_tokens(parsed.request)
        .await
        .map_err(|error| parsed.origins.of_error(errors::llm(error)))?;
    Ok(Response::json(&json!({ "input_tokens": tokens })))
}

/// Reads the request and moderates it.
async fn read(context: &mut Context, needs_limit: bool) -> Result<MessageRequest, ApiError> {
    let text: JsonText = context.json_text().await?;
    let body: Value = text.read()?;
    let headers = native_headers(&context.head);
    MessageRequest::read(body, text.as_str()?, headers, needs_limit).await
}

fn native_headers(head: &Head) -> NativeHeaders {
    let betas = head
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("anthropic-beta"))
        .filter_map(|(_, value)| std::str::from_utf8(value).ok())
        .flat_map(|line| line.split(','))
        .map(|beta| beta.trim().to_owned())
        .filter(|beta| !beta.is_empty())
        .collect();
    NativeHeaders {
        version: head.header("anthropic-version").map(str::to_owned),
        betas,
    }
}
