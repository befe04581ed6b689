//! Where Anthropic is.

use crate::routing::keys;
use crate::variables::Variables;

pub(crate) const VARIABLES: [&str; 2] = ["anthropic_api_key", "anthropic_base_url"];

/// The name of the provider in errors and in `resolved-model`.
pub(super) const NAME: &str = "anthropic";

const BASE_URL: &str = "https://api.anthropic.com";

/// A configured Anthropic.
#[derive(Debug)]
pub(crate) struct Config {
    /// Ends where the official SDKs' does: before `/v1`.
    pub(crate) base_url: String,
}

impl Config {
    /// `None` without a key. A base URL that ends with `/v1` is taken as meant.
    pub(crate) fn read(variables: &Variables) -> Option<Self> {
        let base_url = variables
            .get_or("anthropic_base_url", BASE_URL)
            .trim_end_matches('/');
        keys::are_in(variables.get("anthropic_api_key")).then(|| Self {
            base_url: base_url.strip_suffix("/v1").unwrap_or(base_url).to_owned(),
        })
    }
}
