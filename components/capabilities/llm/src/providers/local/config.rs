//! Where the local server is.

use crate::variables::Variables;

pub(crate) const VARIABLES: [&str; 3] = ["local_base_url", "local_api_key", "local_models"];

/// A configured server.
#[derive(Debug)]
pub(crate) struct Config {
    /// Ends with `/v1`, mostly.
    pub(crate) base_url: String,
    /// Its models as the operator named them; empty: ask the server.
    pub(crate) models: Vec<String>,
}

impl Config {
    /// `None` without a base URL.
    pub(crate) fn read(variables: &Variables) -> Option<Self> {
        let base_url = variables
            .get("local_base_url")
            .trim_end_matches('/')
            .to_owned();
        (!base_url.is_empty()).then(|| Self {
            base_url,
            models: variables.list("local_models"),
        })
    }
}
