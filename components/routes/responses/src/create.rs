//! The steps from a request to its response.

use completion::Report;
use http_edge::{ApiError, Context, JsonText, Response};
use model_api::{ask, openai_errors as errors};
use serde_json::Value;

use crate::{encode::ResponseEncoder, request::ResponseRequest};

/// `POST /v1/responses`.
pub(crate) async fn response(context: &mut Context) -> Result<Response, ApiError> {
    let principal = model_api::authenticate(context).await?;
    let text: JsonText = context.json_text().await?;
    let body: Value = text.read()?;
    let parsed = ResponseRequest::read(body, text.as_str()?).await?;
    let mut report = Report::default();
    let is_stream = parsed.is_stream;
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
    let response = match begun {
        Ok(reply) => {
            let encoder = ResponseEncoder::new(parsed.echo, reply.moderation.is_on());
            reply.respond(encoder, is_stream, &mut report).await
        }
        Err(error) => Err(error),
    };
    report.apply(context);
    response
}
