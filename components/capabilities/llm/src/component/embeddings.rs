//! Embeddings over the network.

use super::deadlines::Deadlines;
use super::lease;
use super::transport;
use super::{log, models};
use crate::bindings::{EmbeddingRequest, Embeddings, Error};
use crate::embeddings::{
    self, EmbeddingModel, Vectors, demo_vectors, openai_body, workers_ai_body,
};
use crate::failure::{ErrorContext, Failure};
use crate::outbound::OutboundRequest;
use crate::providers::{Provider, local, openai, workers_ai};
use crate::random::random;
use crate::routing::Limits;
use crate::routing::retry::{Next, RetryPlan};
use crate::secret::Secret;
use crate::variables::Variables;
use spin_sdk::time::sleep;
use std::sync::Arc;
use std::time::Instant;

/// Requests embeddings until the provider responds.
///
/// # Errors
/// As the contract's `embed`.
pub(super) async fn embed(
    request: EmbeddingRequest,
    variables: &'static Variables,
) -> Result<Embeddings, Error> {
    embeddings::check(&request)?;
    let has_local = models::is_configured(Provider::Local, variables);
    let catalogue = models::configured(variables)?;
    let model = embeddings::model(&request.model, catalogue, has_local)?;
    if model.provider == Provider::Demo {
        let vectors = demo_vectors(&request);
        return Ok(embeddings_of(
            &request,
            model,
            Vectors {
                vectors,
                prompt_tokens: None,
            },
        ));
    }
    if !models::is_configured(model.provider, variables) {
        return Err(Error::NotConfigured(model.provider.variable().to_owned()));
    }
    let limits = Limits::read(variables);
    let mut plan = RetryPlan::new(limits.attempts, 0, limits.wait);
    loop {
        let error = match attempt(&request, model.provider, variables, &limits).await {
            Ok(vectors) => return Ok(embeddings_of(&request, model, vectors)),
            Err(error) => error,
        };
        plan.begin_attempt();
        let has_other_key = lease::is_any_key_awake(model.provider, variables);
        match plan.failed(&error, has_other_key, random()) {
            Next::SameModel(pause) => {
                log::failed_embedding(&request.model, plan.attempts(), &error);
                sleep(pause).await;
            }
            Next::Fallback | Next::GiveUp => return Err(error),
        }
    }
}

async fn attempt(
    request: &EmbeddingRequest,
    provider: Provider,
    variables: &Variables,
    limits: &Limits,
) -> Result<Vectors, Error> {
    let now = Instant::now();
    let (mut lease, key) = lease::take(provider, variables, limits, now).await?;
    let outbound = outbound(request, provider, variables, key.as_ref())?;
    match send(
        outbound,
        request,
        provider,
        &Deadlines::read(variables, now),
    )
    .await
    {
        Ok(vectors) => {
            lease.succeeded();
            Ok(vectors)
        }
        Err(error) => {
            lease.failed(&error, limits);
            Err(error)
        }
    }
}

fn outbound(
    request: &EmbeddingRequest,
    provider: Provider,
    variables: &Variables,
    key: Option<&Secret>,
) -> Result<OutboundRequest, Error> {
    let not_configured = || Error::NotConfigured(provider.variable().to_owned());
    let (url, body) = match provider {
        Provider::OpenAi => {
            let config = openai::config::Config::read(variables).ok_or_else(not_configured)?;
            (
                format!("{}/embeddings", config.base_url),
                openai_body(request),
            )
        }
        Provider::Local => {
            let config = local::config::Config::read(variables).ok_or_else(not_configured)?;
            (
                format!("{}/embeddings", config.base_url),
                openai_body(request),
            )
        }
        Provider::WorkersAi => {
            let config = workers_ai::config::Config::read(variables).ok_or_else(not_configured)?;
            let url = format!("{}/{}", config.run_url, request.model);
            (url, workers_ai_body(request)?)
        }
        Provider::Anthropic | Provider::Spin | Provider::Demo => return Err(not_configured()),
    };
    let outbound = OutboundRequest::post(&url, &body)?;
    Ok(match key {
        Some(key) => outbound.bearer(key),
        None => outbound,
    })
}

async fn send(
    outbound: OutboundRequest,
    request: &EmbeddingRequest,
    provider: Provider,
    deadlines: &Deadlines,
) -> Result<Vectors, Error> {
    let context = ErrorContext {
        provider,
        request: Arc::new(embeddings::as_prompt(request)),
    };
    let body = transport::send_for_whole(outbound, deadlines, &context).await?;
    embeddings::read(&body, embeddings::count(request)).ok_or_else(|| {
        context.error(&Failure::Protocol(
            "the response has not one vector for each input",
        ))
    })
}

fn embeddings_of(
    request: &EmbeddingRequest,
    model: EmbeddingModel,
    vectors: Vectors,
) -> Embeddings {
    let counted = vectors.prompt_tokens;
    Embeddings {
        provider: model.provider.name().to_owned(),
        model: request.model.clone(),
        vectors: vectors.vectors,
        prompt_tokens: counted.unwrap_or_else(|| embeddings::estimate(request)),
        estimated: counted.is_none(),
        prices: model.prices,
    }
}
