//! The models that can be used.

use super::{discovery, lease};
use crate::bindings::{Error, Model};
use crate::catalogue::{Catalogue, Entry};
use crate::providers::{Provider, anthropic, local, openai, spin, workers_ai};
use crate::variables::Variables;
use std::borrow::Cow;
use std::sync::OnceLock;

/// The catalogue as the contract has it.
///
/// # Errors
/// `misconfigured` if the variable `models` is invalid.
pub(super) async fn list(variables: &Variables) -> Result<Vec<Model>, Error> {
    let catalogue = catalogue(variables).await?;
    Ok(catalogue.models(|provider| is_configured(provider, variables)))
}

/// The model of this id. Only if it is not in the catalogue, the local server is asked.
///
/// # Errors
/// `unknown-model`, or as [`list`].
pub(super) async fn find(id: &str, variables: &Variables) -> Result<Cow<'static, Entry>, Error> {
    if let Some(entry) = configured(variables)?.find(id) {
        return Ok(Cow::Borrowed(entry));
    }
    let catalogue = catalogue(variables).await?;
    let entry = catalogue.find(id).cloned().ok_or(Error::UnknownModel)?;
    Ok(Cow::Owned(entry))
}

/// Whether the variables of a provider are set.
pub(super) fn is_configured(provider: Provider, variables: &Variables) -> bool {
    match provider {
        Provider::OpenAi => openai::config::Config::read(variables).is_some(),
        Provider::Anthropic => anthropic::config::Config::read(variables).is_some(),
        Provider::WorkersAi => workers_ai::config::Config::read(variables).is_some(),
        Provider::Local => local::config::Config::read(variables).is_some(),
        Provider::Spin => !spin::config::models(variables).is_empty(),
        Provider::Demo => true,
    }
}

/// The provider of a model in the catalogue; a model that is not in it may be the local server's.
///
/// # Errors
/// As [`list`].
pub(super) fn provider(id: &str, variables: &Variables) -> Result<Provider, Error> {
    let entry = configured(variables)?.find(id);
    Ok(entry.map_or(Provider::Local, |entry| entry.provider))
}

/// All models. The list of the local server is added where the variables do not name its models.
async fn catalogue(variables: &Variables) -> Result<Cow<'static, Catalogue>, Error> {
    let configured = configured(variables)?;
    match local::config::Config::read(variables).filter(|config| config.models.is_empty()) {
        None => Ok(Cow::Borrowed(configured)),
        Some(config) => {
            let mut catalogue = configured.clone();
            let key = lease::any_key(Provider::Local, variables);
            let ids = discovery::models(&config, key.as_ref()).await;
            catalogue.add(ids, Provider::Local, false);
            Ok(Cow::Owned(catalogue.with_demo()))
        }
    }
}

/// The catalogue without the models that are listed over the network. It is the same for the life of an
/// instance, as the variables are.
pub(super) fn configured(variables: &Variables) -> Result<&'static Catalogue, Error> {
    static CONFIGURED: OnceLock<Catalogue> = OnceLock::new();
    if let Some(catalogue) = CONFIGURED.get() {
        return Ok(catalogue);
    }
    let mut catalogue = Catalogue::new(variables.get("models"))?;
    if let Some(config) = local::config::Config::read(variables) {
        catalogue.add(config.models, Provider::Local, true);
    }
    catalogue.add(spin::config::models(variables), Provider::Spin, true);
    Ok(CONFIGURED.get_or_init(|| catalogue.with_demo()))
}
