//! The exports.

mod configuration;
mod transport;

use futures::future::try_join;

use crate::bindings::exports::goldfish::oauth::authorization::{Guest, Provider};
use crate::request::{self, ProviderRequest};
use crate::settings::{GitHub, Google};
use crate::{Error, Profile, github, google};

struct Component;

mod export {
    #![allow(unsafe_code, unreachable_pub, reason = "generated")]
    use super::Component;
    crate::bindings::export!(Component with_types_in crate::bindings);
}

impl Guest for Component {
    async fn list_providers() -> Result<Vec<Provider>, Error> {
        let settings = configuration::settings().await?;
        let github = settings.github.as_ref().map(|_| Provider::Github);
        let google = settings.google.as_ref().map(|_| Provider::Google);
        Ok(github.into_iter().chain(google).collect())
    }

    async fn authorization_url(
        provider: Provider,
        redirect_uri: String,
        state: String,
        code_verifier: String,
    ) -> Result<String, Error> {
        let (endpoint, client, scope) = match provider {
            Provider::Github => {
                let github = configured_github().await?;
                let endpoint = github.authorization_endpoint();
                (endpoint, &github.client, github::SCOPE)
            }
            Provider::Google => {
                let google = configured_google().await?;
                let endpoint = google.authorization_endpoint();
                (endpoint, &google.client, google::SCOPE)
            }
        };
        request::authorization_url(
            &endpoint,
            client,
            scope,
            &redirect_uri,
            &state,
            &code_verifier,
        )
    }

    async fn exchange_code(
        provider: Provider,
        redirect_uri: String,
        code: String,
        code_verifier: String,
    ) -> Result<Profile, Error> {
        match provider {
            Provider::Github => github_profile(&redirect_uri, &code, &code_verifier).await,
            Provider::Google => google_profile(&redirect_uri, &code, &code_verifier).await,
        }
    }
}

async fn github_profile(redirect_uri: &str, code: &str, verifier: &str) -> Result<Profile, Error> {
    let github = configured_github().await?;
    let endpoint = github.token_endpoint();
    let exchange = request::code_exchange(endpoint, &github.client, redirect_uri, code, verifier)?;
    let token = github::access_token(&transport::send(exchange).await?)?;
    let (user, emails) = try_join(
        transport::send(ProviderRequest::get(github.user_url(), &token)),
        transport::send(ProviderRequest::get(github.emails_url(), &token)),
    )
    .await?;
    github::profile(&user, &emails)
}

async fn google_profile(redirect_uri: &str, code: &str, verifier: &str) -> Result<Profile, Error> {
    let google = configured_google().await?;
    let endpoint = google.token_url.clone();
    let exchange = request::code_exchange(endpoint, &google.client, redirect_uri, code, verifier)?;
    let response = transport::send(exchange).await?;
    google::profile(&response, &google.client.id, unix_time::now_seconds())
}

async fn configured_github() -> Result<&'static GitHub, Error> {
    let settings = configuration::settings().await?;
    settings.github.as_ref().ok_or(Error::NotConfigured)
}

async fn configured_google() -> Result<&'static Google, Error> {
    let settings = configuration::settings().await?;
    settings.google.as_ref().ok_or(Error::NotConfigured)
}
