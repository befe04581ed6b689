//! Where Workers AI is.

use crate::routing::keys;
use crate::variables::Variables;

pub(crate) const VARIABLES: [&str; 3] = [
    "cloudflare_account_id",
    "cloudflare_api_token",
    "workers_ai_base_url",
];

const BASE_URL: &str = "https://api.cloudflare.com/client/v4";

/// A configured Workers AI.
#[derive(Debug)]
pub(crate) struct Config {
    /// The prefix of the model's name.
    pub(crate) run_url: String,
}

impl Config {
    /// `None` without a token, or without an account unless the base URL names one itself.
    pub(crate) fn read(variables: &Variables) -> Option<Self> {
        if !keys::are_in(variables.get("cloudflare_api_token")) {
            return None;
        }
        let base_url = variables
            .get_or("workers_ai_base_url", BASE_URL)
            .trim_end_matches('/');
        // An AI Gateway's URL ends with the provider's name, and the model follows.
        if base_url.ends_with("/workers-ai") || base_url.ends_with("/ai/run") {
            return Some(Self {
                run_url: base_url.to_owned(),
            });
        }
        let account = variables.get("cloudflare_account_id");
        let is_id = !account.is_empty()
            && account
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        is_id.then(|| Self {
            run_url: format!("{base_url}/accounts/{account}/ai/run"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_url(account: &str, token: &str, base_url: &str) -> Option<String> {
        let variables = [
            ("cloudflare_account_id", account),
            ("cloudflare_api_token", token),
            ("workers_ai_base_url", base_url),
        ];
        Config::read(
            &variables
                .into_iter()
                .map(|(name, value)| (name, value.to_owned()))
                .collect(),
        )
        .map(|config| config.run_url)
    }

    #[test]
    fn an_account_or_a_gateway() {
        assert_eq!(
            run_url("acc", "t", "").unwrap(),
            "https://api.cloudflare.com/client/v4/accounts/acc/ai/run"
        );
        assert_eq!(
            run_url(
                "",
                "t",
                "https://gateway.ai.cloudflare.com/v1/a/g/workers-ai/"
            )
            .unwrap(),
            "https://gateway.ai.cloudflare.com/v1/a/g/workers-ai"
        );
        assert!(run_url("acc", "", "").is_none());
        assert!(run_url("", "t", "").is_none());
        assert!(run_url("a/../b", "t", "").is_none());
    }
}
