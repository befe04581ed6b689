//! The steps from a request to its response.

use completion::{Keep, Moderation, Payer, Reply, Report, Reservation, Source, choose_model};
use contracts::{
    identity::types::Principal,
    llm::{provider, types::ChatRequest},
};
use futures::future::join;
use http_edge::{ApiError, Response};
use model_api::{ReplyStream, openai_errors as errors};

use crate::{
    cache::{CacheRequest, Lookup},
    encode::{ChunkEncoder, Label, Shape},
    request::CompletionRequest,
    whole::{JSON, WholeReply},
};

/// Admits the request, prepares its prompt, calls the model and responds with its reply.
pub(crate) async fn respond(
    principal: &Principal,
    mut parsed: CompletionRequest,
    shape: Shape,
    cache: Option<CacheRequest>,
    report: &mut Report,
) -> Result<Response, ApiError> {
    // Two capabilities that do not need each other's results.
    let (verdict, model) = join(
        completion::admit(principal),
        resolve_model(&parsed.request.model),
    )
    .await;
    let (headers, admitted) = access::rate_limit(verdict);
    report.headers(headers);
    admitted?;
    let model = model?;

    parsed.moderate().await?;
    let moderation = Moderation::open(Keep::All).await?;
    let slot = match cache {
        Some(cache) => match cache.look_up(&model, report).await {
            Lookup::Hit(body) => {
                report.model(&model);
                return Ok(Response::bytes(JSON, body.into_bytes()));
            }
            Lookup::Miss(slot) => slot,
        },
        None => None,
    };

    let client_max_tokens = parsed.request.max_tokens;
    let reservation = Reservation::open(
        Payer::from(principal),
        model_api::prompt_bytes(&parsed.request),
        client_max_tokens,
    )
    .await?;
    let CompletionRequest {
        mut request,
        is_stream,
        includes_usage,
    } = parsed;
    request.model.clone_from(&model);
    request.max_tokens = reservation.max_tokens;

    let (source, reservation) = ask(request, is_stream, reservation, report).await?;
    let mut label = Label::new(model.clone());
    if let Some(resolved) = source.resolved() {
        report.resolved(resolved);
        label.model.clone_from(&resolved.model);
    }
    let reply = Reply::new(source, moderation);
    if is_stream {
        let stream = ReplyStream {
            reply,
            reservation,
            encoder: ChunkEncoder::new(label, includes_usage),
        };
        return Ok(Response::events(|body, log| stream.run(body, log)));
    }
    // The remaining credits may limit a reply that would be longer for other users.
    let is_client_limit = reservation.max_tokens == client_max_tokens;
    let slot = slot.filter(|_| label.model == model);
    let whole = WholeReply {
        reservation,
        label,
        shape,
        slot,
        is_client_limit,
    };
    whole.collect(reply, report).await
}

/// The model that the request names, also if it is unknown; else the default one.
async fn resolve_model(named: &str) -> Result<String, ApiError> {
    if !named.is_empty() {
        return Ok(named.to_owned());
    }
    let catalogue = provider::models().await.map_err(error_mapping::catalogue)?;
    choose_model(&[], &catalogue).await
}

/// Asks the model. If it fails, the credits are given back.
async fn ask(
    request: ChatRequest,
    is_stream: bool,
    reservation: Reservation,
    report: &mut Report,
) -> Result<(Source, Reservation), ApiError> {
    let source = if is_stream {
        Source::request_stream(request, Keep::All).await
    } else {
        Source::request(request, Keep::All).await
    };
    match source {
        Ok(source) => Ok((source, reservation)),
        Err(error) => {
            report.warn(reservation.release().await);
            Err(errors::llm(error))
        }
    }
}
