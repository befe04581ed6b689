//! The configured providers and their URLs.

/// The client id and secret at a provider. Has no `Debug`, so that the secret is not printed.
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl Client {
    /// None if either is empty: the provider is then off.
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
    /// The base URL of the authorization and token endpoints.
    pub(crate) base_url: String,
    /// The base URL of the REST API.
    pub(crate) api_url: String,
}

/// Google.
pub(crate) struct Google {
    pub(crate) client: Client,
    /// The base URL of the authorization endpoint.
    pub(crate) base_url: String,
    /// The token endpoint.
    pub(crate) token_url: String,
}

/// The configured providers.
pub(crate) struct Settings {
    pub(crate) github: Option<GitHub>,
    pub(crate) google: Option<Google>,
}

/// A base URL without a slash at its end. `default` if it is empty.
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
    fn client_without_id_or_secret_is_none() {
        assert!(Client::new("id", " ").is_none());
        assert!(Client::new("", "secret").is_none());
        let client = Client::new(" id\n", "secret ").unwrap();
        assert_eq!(
            (client.id.as_str(), client.secret.as_str()),
            ("id", "secret")
        );
    }

    #[test]
    fn base_url_has_no_trailing_slash() {
        assert_eq!(base_url("", "https://github.com"), "https://github.com");
        assert_eq!(base_url("http://h:1/x/ ", "-"), "http://h:1/x");
    }
}
