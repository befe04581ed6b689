//! Where the local server is.

use crate::values::Values;

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
    pub(crate) fn read(values: &Values) -> Option<Self> {
        let base_url = values
            .get("local_base_url")
            .trim_end_matches('/')
            .to_owned();
        (!base_url.is_empty()).then(|| Self {
            base_url,
            models: values.list("local_models"),
        })
    }
}
