//! The variables that this component reads.

use std::sync::OnceLock;

use spin_sdk::variables;

use crate::Error;
use crate::settings::{Client, GitHub, Google, Settings, base_url};

static SETTINGS: OnceLock<Settings> = OnceLock::new();

/// The settings, read once per instance.
///
/// # Errors
/// `unavailable` if the variables cannot be read.
pub(super) async fn settings() -> Result<&'static Settings, Error> {
    if let Some(settings) = SETTINGS.get() {
        return Ok(settings);
    }
    let settings = Settings {
        github: github().await?,
        google: google().await?,
    };
    // A concurrent request has read the same values.
    Ok(SETTINGS.get_or_init(|| settings))
}

async fn github() -> Result<Option<GitHub>, Error> {
    let client = client("github_client_id", "github_client_secret").await?;
    let base = variable("github_base_url").await?;
    let api = variable("github_api_url").await?;
    Ok(client.map(|client| GitHub {
        client,
        base_url: base_url(&base, "https://github.com"),
        api_url: base_url(&api, "https://api.github.com"),
    }))
}

async fn google() -> Result<Option<Google>, Error> {
    let client = client("google_client_id", "google_client_secret").await?;
    let base = variable("google_base_url").await?;
    let token = variable("google_token_url").await?;
    Ok(client.map(|client| Google {
        client,
        base_url: base_url(&base, "https://accounts.google.com"),
        token_url: base_url(&token, "https://oauth2.googleapis.com/token"),
    }))
}

async fn client(id: &str, secret: &str) -> Result<Option<Client>, Error> {
    let (id, secret) = (variable(id).await?, variable(secret).await?);
    Ok(Client::new(&id, &secret))
}

/// The value of a variable. Empty if it is not defined.
async fn variable(name: &str) -> Result<String, Error> {
    match variables::get(name).await {
        Ok(value) => Ok(value),
        Err(variables::Error::Undefined(_)) => Ok(String::new()),
        Err(_) => Err(Error::Unavailable(format!(
            "the variable {name} cannot be read"
        ))),
    }
}
