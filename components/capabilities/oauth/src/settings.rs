//! Which providers are configured, and where they are.

/// An OAuth app at a provider. Has no `Debug`: the secret must not be shown by accident.
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl Client {
    /// None if either is empty, which is how a provider is left out.
    pub(crate) fn new(id: &str, secret: &str) -> Option<Self> {
        let (id, secret) = (id.trim(), secret.trim());
        let whole = !id.is_empty() && !secret.is_empty();
        whole.then(|| Self {
            id: id.to_owned(),
            secret: secret.to_owned(),
        })
    }
}

/// GitHub, or a GitHub Enterprise Server.
pub(crate) struct GitHub {
    pub(crate) client: Client,
    /// Of the pages that a browser sees, and of the token endpoint.
    pub(crate) base_url: String,
    /// Of the REST API.
    pub(crate) api_url: String,
}

/// Google.
pub(crate) struct Google {
    pub(crate) client: Client,
    /// Of the pages that a browser sees.
    pub(crate) base_url: String,
    /// The token endpoint.
    pub(crate) token_url: String,
}

/// What is configured.
pub(crate) struct Settings {
    pub(crate) github: Option<GitHub>,
    pub(crate) google: Option<Google>,
}

/// A base URL without a slash at its end; `default` where it is empty.
pub(crate) fn base_url(value: &str, default: &str) -> String {
    match value.trim().trim_end_matches('/') {
        "" => default.to_owned(),
        url => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_client_is_none() {
        assert!(Client::new("id", " ").is_none());
        assert!(Client::new("", "secret").is_none());
        let client = Client::new(" id\n", "secret ").unwrap();
        assert_eq!(
            (client.id.as_str(), client.secret.as_str()),
            ("id", "secret")
        );
    }

    #[test]
    fn base_urls_end_without_a_slash() {
        assert_eq!(base_url("", "https://github.com"), "https://github.com");
        assert_eq!(base_url("http://h:1/x/ ", "-"), "http://h:1/x");
    }
}
