//! Reading variables. They are read for each request, since an operator may rotate a key.

use crate::bindings::Error;
use crate::providers::Provider;
use crate::values::Values;
use futures::future::try_join_all;
use spin_sdk::variables;

const PROVIDERS: [Provider; 5] = [
    Provider::OpenAi,
    Provider::Anthropic,
    Provider::WorkersAi,
    Provider::Local,
    Provider::Spin,
];

const DEADLINES: [&str; 3] = [
    "llm_connect_timeout_seconds",
    "llm_first_token_timeout_seconds",
    "llm_idle_timeout_seconds",
];

/// What the list of models depends on, and nothing secret but the local server's key.
pub(super) async fn listing() -> Result<Values, Error> {
    let names = [Provider::Local, Provider::Spin]
        .into_iter()
        .flat_map(Provider::variables)
        .copied();
    read(names.chain(["models"])).await
}

/// What a chat with a provider needs.
pub(super) async fn provider(provider: Provider) -> Result<Values, Error> {
    if provider.variables().is_empty() {
        return Ok(Values::default());
    }
    read(provider.variables().iter().copied().chain(DEADLINES)).await
}

/// Everything.
pub(super) async fn all() -> Result<Values, Error> {
    read(
        PROVIDERS
            .into_iter()
            .flat_map(Provider::variables)
            .copied()
            .chain(["models"]),
    )
    .await
}

async fn read(names: impl Iterator<Item = &'static str>) -> Result<Values, Error> {
    let reads = names.map(|name| async move {
        match variables::get(name).await {
            Ok(value) => Ok((name, value)),
            Err(variables::Error::Undefined(_)) => Ok((name, String::new())),
            // The error's text may come from a secret store, so it is not passed on.
            Err(_) => Err(Error::Other(format!(
                "the variable `{name}` cannot be read"
            ))),
        }
    });
    Ok(try_join_all(reads).await?.into_iter().collect())
}
