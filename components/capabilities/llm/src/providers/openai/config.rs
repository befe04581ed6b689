//! Where OpenAI is.

use crate::routing::keys;
use crate::variables::Variables;

pub(crate) const VARIABLES: [&str; 2] = ["openai_api_key", "openai_base_url"];

const BASE_URL: &str = "https://api.openai.com/v1";

/// A configured OpenAI.
#[derive(Debug)]
pub(crate) struct Config {
    /// Ends where the official SDKs' does: with `/v1`, or an AI Gateway's `/openai`.
    pub(crate) base_url: String,
}

impl Config {
    /// `None` without a key.
    pub(crate) fn read(variables: &Variables) -> Option<Self> {
        keys::are_in(variables.get("openai_api_key")).then(|| Self {
            base_url: variables
                .get_or("openai_base_url", BASE_URL)
                .trim_end_matches('/')
                .to_owned(),
        })
    }
}
