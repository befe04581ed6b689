//! Reading variables.

use crate::bindings::Error;
use crate::providers::Provider;
use crate::routing;
use crate::variables::Variables;
use futures::future::try_join_all;
use spin_sdk::variables;
use std::sync::OnceLock;

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

/// All variables that decide anything here, read once in the life of an instance: instances are
/// many and short-lived, so a rotated key is taken up soon, and reading some twenty variables for
/// each request would be a good part of what a request costs.
///
/// # Errors
/// `misconfigured` if they cannot be read; the next request tries again.
pub(super) async fn variables() -> Result<&'static Variables, Error> {
    static VARIABLES: OnceLock<Variables> = OnceLock::new();
    if let Some(variables) = VARIABLES.get() {
        return Ok(variables);
    }
    let names = PROVIDERS
        .into_iter()
        .flat_map(Provider::variables)
        .copied()
        .chain(DEADLINES)
        .chain(routing::VARIABLES)
        .chain(["models"]);
    let variables = read(names).await?;
    // A request that ran beside this one has read the same.
    Ok(VARIABLES.get_or_init(|| variables))
}

async fn read(names: impl Iterator<Item = &'static str>) -> Result<Variables, Error> {
    let reads = names.map(|name| async move {
        match variables::get(name).await {
            Ok(value) => Ok((name, value)),
            Err(variables::Error::Undefined(_)) => Ok((name, String::new())),
            // The error's text may come from a secret store, so it is not passed on.
            Err(_) => Err(Error::Misconfigured(format!(
                "the variable `{name}` cannot be read"
            ))),
        }
    });
    Ok(try_join_all(reads).await?.into_iter().collect())
}
