//! OpenAI's Embeddings API: `POST /v1/embeddings`. Nothing is stored.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

mod encode;
mod request;

use completion::{Payer, Report, Reservation};
use contracts::{
    identity::types::Principal,
    llm::{provider, types::EmbeddingRequest},
};
use http_edge::{ApiError, Context, Response};
use model_api::openai_errors as errors;
use serde_json::Value;

http_edge::routes! {
    errors: errors::render,
    POST "/v1/embeddings" => create_embeddings,
}

async fn create_embeddings(context: &mut Context) -> Result<Response, ApiError> {
    create(context)
        .await
        .map_err(|error| errors::for_openai(context, error))
}

async fn create(context: &mut Context) -> Result<Response, ApiError> {
    let principal = model_api::authenticate(context).await?;
    let body: Value = context.json().await?;
    let (mut request, format) = request::read(body)?;
    let mut report = Report::default();
    let (headers, admitted) = access::rate_limit(completion::admit(&principal).await);
    report.headers(headers);
    let response = match admitted {
        Ok(_) => {
            request::moderate(&mut request).await?;
            embed(&principal, request, format, &mut report).await
        }
        Err(error) => Err(error),
    };
    report.apply(context);
    response
}

async fn embed(
    principal: &Principal,
    request: EmbeddingRequest,
    format: encode::Format,
    report: &mut Report,
) -> Result<Response, ApiError> {
    let bytes = request::bytes(&request);
    // Nothing is generated.
    let reservation = Reservation::open(Payer::from(principal), bytes, Some(1)).await?;
    report.model(&request.model);
    match provider::embed(request).await {
        Ok(embeddings) => {
            report.header("x-goldfish-provider", embeddings.provider.clone());
            report.tokens(embeddings.prompt_tokens, 0);
            let settled = reservation.settle_prompt(
                &embeddings.model,
                embeddings.prompt_tokens,
                embeddings.estimated,
                embeddings.prices.as_ref(),
            );
            report.warn(settled.await);
            Ok(Response::json(&encode::list(&embeddings, format)))
        }
        Err(error) => {
            report.warn(reservation.release().await);
            Err(errors::llm(error))
        }
    }
}
