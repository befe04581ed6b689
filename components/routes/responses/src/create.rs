//! The steps from a request to its response.

use completion::{Reply, Report};
use contracts::llm::types::Delta;
use http_edge::{ApiError, Context, JsonText, Response};
use model_api::{Asked, ReplyStream, StreamEncoder as _, ask, collect, openai_errors as errors};
use serde_json::Value;
use sse::Encoder;

use crate::{encode::ResponseEncoder, request::ResponseRequest};

const JSON: &str = "application/json";

/// `POST /v1/responses`.
pub(crate) async fn response(context: &mut Context) -> Result<Response, ApiError> {
    let principal = model_api::authenticate(context).await?;
    let text: JsonText = context.json_text().await?;
    let body: Value = text.read()?;
    let parsed = ResponseRequest::read(body, text.as_str()?).await?;
    let mut report = Report::default();
    let is_stream = parsed.is_stream;
    let origins = parsed.origins;
    let asked = ask(
        &principal,
        parsed.request,
        is_stream,
        errors::llm,
        &mut report,
    )
    .await
    .map_err(|error| origins.of_error(error));
    let response = match asked {
        Ok(asked) => {
            let encoder = ResponseEncoder::new(parsed.echo, asked.moderation.is_on());
            respond(asked, encoder, is_stream, &mut report).await
        }
        Err(error) => Err(error),
    };
    report.apply(context);
    response
}

async fn respond(
    asked: Asked,
    mut encoder: ResponseEncoder,
    is_stream: bool,
    report: &mut Report,
) -> Result<Response, ApiError> {
    let Asked {
        source,
        moderation,
        reservation,
    } = asked;
    let reply = Reply::new(source, moderation);
    if is_stream {
        let stream = ReplyStream {
            reply,
            reservation,
            encoder,
        };
        return Ok(Response::events(|body, log| stream.run(body, log)));
    }
    let requested = encoder.model().to_owned();
    let whole = collect(reply, reservation, &requested, errors::llm, report).await?;
    let native = whole.deltas.iter().rev().find_map(|delta| match delta {
        Delta::Native(event) => Some(event.data.clone()),
        _ => None,
    });
    if let Some(body) = native {
        return Ok(Response::bytes(JSON, body.into_bytes()));
    }
    let mut out = Encoder::new();
    for delta in &whole.deltas {
        encoder.delta(&mut out, delta);
        out.take();
    }
    Ok(Response::json(&encoder.into_response(&whole.completion)))
}
