//! The exports, and the I/O behind them.

mod configuration;
mod discovery;
mod pump;
mod transport;

use crate::bindings::{
    ChatRequest, Completion, Delta, Error, Guest, Model, generated, wit_future, wit_stream,
};
use crate::call::Call;
use crate::catalogue::{Catalogue, Entry};
use crate::failure::Head;
use crate::providers::{Provider, anthropic, demo, local, openai, spin, workers_ai};
use crate::reply::{Decode, Reply};
use crate::values::Values;
use pump::Deadlines;
use spin_sdk::wasip3::spawn;
use spin_sdk::wit_bindgen::{FutureReader, StreamReader};
use std::borrow::Cow;
use std::sync::OnceLock;
use std::time::Instant;

struct Component;

#[allow(
    unsafe_code,
    unreachable_pub,
    clippy::all,
    clippy::restriction,
    reason = "generated"
)]
mod exports {
    use super::{Component, generated};
    generated::export!(Component with_types_in generated);
}

type Answer = (StreamReader<Delta>, FutureReader<Result<Completion, Error>>);

impl Guest for Component {
    async fn models() -> Result<Vec<Model>, Error> {
        let values = configuration::values().await?;
        let catalogue = catalogue(values).await?;
        Ok(catalogue.models(|provider| is_configured(provider, values)))
    }

    async fn chat(request: ChatRequest) -> Result<Answer, Error> {
        let started = Instant::now();
        let values = configuration::values().await?;
        let entry = find(&request.model, values).await?;
        match entry.provider {
            Provider::Demo => Ok(spoken(demo::conversions::answer(&request))),
            Provider::Spin => Ok(spoken(spin::client::infer(&entry, &request)?)),
            _ => ask(&entry, &request, values, started).await,
        }
    }
}

/// What there is to ask. Where the local server is to say which models it has, its answer is added.
async fn catalogue(values: &Values) -> Result<Cow<'static, Catalogue>, Error> {
    let configured = configured_catalogue(values)?;
    match local::config::Config::read(values).filter(|config| config.models.is_empty()) {
        None => Ok(Cow::Borrowed(configured)),
        Some(config) => {
            let mut catalogue = configured.clone();
            catalogue.add(discovery::models(&config).await, Provider::Local, false);
            Ok(Cow::Owned(catalogue.with_demo()))
        }
    }
}

/// The model of this id. The local server is asked only for what nobody else has.
async fn find(id: &str, values: &Values) -> Result<Cow<'static, Entry>, Error> {
    if let Some(entry) = configured_catalogue(values)?.find(id) {
        return Ok(Cow::Borrowed(entry));
    }
    let catalogue = catalogue(values).await?;
    let entry = catalogue.find(id).cloned().ok_or(Error::UnknownModel)?;
    Ok(Cow::Owned(entry))
}

/// The catalogue without what must be asked for over the network; the same for the life of an
/// instance, as the variables are.
fn configured_catalogue(values: &Values) -> Result<&'static Catalogue, Error> {
    static CONFIGURED: OnceLock<Catalogue> = OnceLock::new();
    if let Some(catalogue) = CONFIGURED.get() {
        return Ok(catalogue);
    }
    let mut catalogue = Catalogue::new(values.get("models"))?;
    if let Some(config) = local::config::Config::read(values) {
        catalogue.add(config.models, Provider::Local, true);
    }
    catalogue.add(spin::config::models(values), Provider::Spin, true);
    Ok(CONFIGURED.get_or_init(|| catalogue.with_demo()))
}

fn is_configured(provider: Provider, values: &Values) -> bool {
    match provider {
        Provider::OpenAi => openai::config::Config::read(values).is_some(),
        Provider::Anthropic => anthropic::config::Config::read(values).is_some(),
        Provider::WorkersAi => workers_ai::config::Config::read(values).is_some(),
        Provider::Local => local::config::Config::read(values).is_some(),
        Provider::Spin => !spin::config::models(values).is_empty(),
        Provider::Demo => true,
    }
}

/// How a provider's refusal is understood.
type Refusal = fn(&Head<'_>, &[u8]) -> Error;

/// What to send, and how to understand what comes back.
fn prepare(
    entry: &Entry,
    request: &ChatRequest,
    values: &Values,
) -> Result<(Call, Box<dyn Decode>, Refusal), Error> {
    match entry.provider {
        Provider::OpenAi => {
            let config = openai::config::Config::read(values).ok_or(Error::NotConfigured)?;
            let call = openai::client::chat(&config, entry, request)?;
            Ok((
                call,
                Box::new(openai::conversions::Decoder),
                openai::conversions::error,
            ))
        }
        Provider::Local => {
            let config = local::config::Config::read(values).ok_or(Error::NotConfigured)?;
            let call = local::client::chat(&config, entry, request)?;
            Ok((
                call,
                Box::new(openai::conversions::Decoder),
                openai::conversions::error,
            ))
        }
        Provider::Anthropic => {
            let config = anthropic::config::Config::read(values).ok_or(Error::NotConfigured)?;
            let call = anthropic::client::chat(&config, entry, request)?;
            Ok((
                call,
                Box::new(anthropic::conversions::Decoder),
                anthropic::conversions::error,
            ))
        }
        Provider::WorkersAi => {
            let config = workers_ai::config::Config::read(values).ok_or(Error::NotConfigured)?;
            let call = workers_ai::client::chat(&config, entry, request)?;
            let decoder = workers_ai::conversions::Decoder::new(entry, request);
            Ok((call, Box::new(decoder), workers_ai::conversions::error))
        }
        Provider::Spin | Provider::Demo => Err(Error::NotConfigured),
    }
}

async fn ask(
    entry: &Entry,
    request: &ChatRequest,
    values: &Values,
    started: Instant,
) -> Result<Answer, Error> {
    let (call, decoder, refusal) = prepare(entry, request, values)?;
    let deadlines = Deadlines::read(values, started);
    let answer = transport::send(call, deadlines.connect, deadlines.first_token).await?;
    if !answer.is_event_stream() {
        let (status, retry_after, body) = answer.into_refusal().await;
        return Err(refusal(
            &Head {
                status,
                retry_after: retry_after.as_deref(),
            },
            &body,
        ));
    }
    let reply = Reply::new(decoder, demo::conversions::prompt_estimate(request));
    let (deltas, reader) = wit_stream::new();
    let (end, ended) = wit_future::new(cancelled);
    spawn(pump::relay(
        answer.into_body(),
        reply,
        deltas,
        end,
        deadlines,
    ));
    Ok((reader, ended))
}

/// An answer that is known already.
fn spoken((pieces, completion): (Vec<String>, Completion)) -> Answer {
    let (deltas, reader) = wit_stream::new();
    let (end, ended) = wit_future::new(cancelled);
    spawn(pump::speak(pieces, completion, deltas, end));
    (reader, ended)
}

fn cancelled() -> Result<Completion, Error> {
    Err(Error::Other("the reader left before the end".to_owned()))
}
