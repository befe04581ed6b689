//! The sign-in methods that this server is configured for, for the sign-in page.

use contracts::{
    mail::sender,
    oauth::authorization::{self, Provider},
};
use http_edge::{ApiError, Context, Response};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SignInOptions {
    providers: Vec<&'static str>,
    sends_email: bool,
}

pub(crate) async fn show_sign_in_options(_: &mut Context) -> Result<Response, ApiError> {
    let providers = authorization::list_providers()
        .await
        .map_err(error_mapping::oauth)?;
    Ok(Response::json(&SignInOptions {
        providers: providers.into_iter().map(name_of).collect(),
        sends_email: sender::is_configured().await,
    }))
}

fn name_of(provider: Provider) -> &'static str {
    match provider {
        Provider::Github => "github",
        Provider::Google => "google",
    }
}
