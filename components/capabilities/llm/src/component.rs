//! The exports, and the I/O behind them.

mod attempts;
mod configuration;
mod deadlines;
mod discovery;
mod lease;
mod pump;
mod transport;

use crate::bindings::{
    ChatRequest, Completion, Delta, Error, Guest, Model, generated, wit_future, wit_stream,
};
use crate::catalogue::{Catalogue, Entry};
use crate::providers::{Provider, anthropic, local, openai, spin, workers_ai};
use crate::request::check;
use crate::values::Values;
use attempts::Attempts;
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
        check(&request)?;
        let mut attempts = Attempts::new(request, values).await?;
        let accepted = attempts.ask(started).await?;
        let (deltas, reader) = wit_stream::new();
        let (end, ended) = wit_future::new(cancelled);
        spawn(pump::carry(attempts, accepted, deltas, end));
        Ok((reader, ended))
    }
}

/// What there is to ask. Where the local server is to say which models it has, its answer is added.
async fn catalogue(values: &Values) -> Result<Cow<'static, Catalogue>, Error> {
    let configured = configured_catalogue(values)?;
    match local::config::Config::read(values).filter(|config| config.models.is_empty()) {
        None => Ok(Cow::Borrowed(configured)),
        Some(config) => {
            let mut catalogue = configured.clone();
            let key = lease::any_key(Provider::Local, values);
            let ids = discovery::models(&config, key.as_ref()).await;
            catalogue.add(ids, Provider::Local, false);
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

fn cancelled() -> Result<Completion, Error> {
    Err(Error::Other("the reader left before the end".to_owned()))
}
