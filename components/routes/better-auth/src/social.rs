//! The first half of the authorization code grant: redirecting to GitHub or Google.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use contracts::{
    accounts::linked_accounts::{self, Flow},
    oauth::authorization::{self, Provider},
};
use http_edge::{ApiError, Context, Response};
use serde::{Deserialize, de::IgnoredAny};

use crate::{
    callback_url::redirect_url,
    errors::{
        self, ID_TOKEN_NOT_SUPPORTED, INVALID_CALLBACK_URL, INVALID_ERROR_CALLBACK_URL,
        INVALID_NEW_USER_CALLBACK_URL, PROVIDER_NOT_FOUND,
    },
    flow_cookie,
    view::RedirectView,
};

/// Random bytes of a state and of a PKCE verifier. Their text has 43 characters, the minimum of RFC
/// 7636.
const RANDOM_BYTES: usize = 32;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SocialSignIn {
    pub(crate) provider: String,
    #[serde(flatten)]
    pub(crate) urls: CallbackUrls,
    #[serde(default)]
    pub(crate) disable_redirect: bool,
    pub(crate) id_token: Option<IgnoredAny>,
}

/// Where the browser goes after the flow.
#[derive(Default, Deserialize)]
pub(crate) struct CallbackUrls {
    #[serde(rename = "callbackURL")]
    callback: Option<String>,
    #[serde(rename = "errorCallbackURL")]
    error: Option<String>,
    #[serde(rename = "newUserCallbackURL")]
    new_user: Option<String>,
}

pub(crate) async fn begin_social(context: &mut Context) -> Result<Response, ApiError> {
    errors::require_trusted_origin(context)?;
    let request: SocialSignIn = context.json().await?;
    if request.id_token.is_some() {
        return Err(ID_TOKEN_NOT_SUPPORTED);
    }
    access::admit_address(context).await?;
    let url = start_flow(context, &request.provider, request.urls, None).await?;
    Ok(Response::json(&RedirectView {
        url,
        redirect: !request.disable_redirect,
    }))
}

/// The same for a plain link on a page.
pub(crate) async fn redirect_to_provider(context: &mut Context) -> Result<Response, ApiError> {
    let provider = context.param("provider", 32, "Sign-in provider")?;
    let urls: CallbackUrls = context.query()?;
    access::admit_address(context).await?;
    let url = start_flow(context, &provider, urls, None).await?;
    Ok(Response::redirect(&url))
}

/// Begins a flow and sets its cookie. Returns the provider's URL. With `link_to`, the identity is
/// linked to that user's account.
pub(crate) async fn start_flow(
    context: &mut Context,
    provider_name: &str,
    urls: CallbackUrls,
    link_to: Option<String>,
) -> Result<String, ApiError> {
    let provider = provider_of(provider_name).ok_or(PROVIDER_NOT_FOUND)?;
    let validate = |text: &Option<String>, refusal: &ApiError| {
        redirect_url(context, text.as_deref(), refusal).map(|url| url.map(|url| url.location()))
    };
    let callback = validate(&urls.callback, &INVALID_CALLBACK_URL)?;
    let error_url = validate(&urls.error, &INVALID_ERROR_CALLBACK_URL)?;
    let new_user_url = validate(&urls.new_user, &INVALID_NEW_USER_CALLBACK_URL)?;
    let redirect_uri = redirect_uri(context, provider_name)?;
    let guest = match link_to {
        Some(_) => None,
        None => account_flows::authenticated_guest(context).await?,
    };
    let state = random()?;
    let code_verifier = random()?;
    let url = authorization::authorization_url(
        provider,
        redirect_uri,
        state.clone(),
        code_verifier.clone(),
    )
    .await
    .map_err(|error| match error {
        authorization::Error::NotConfigured => PROVIDER_NOT_FOUND,
        other => error_mapping::oauth(other),
    })?;
    let sealed = linked_accounts::seal_flow(Flow {
        provider: provider_name.to_owned(),
        state: state.clone(),
        code_verifier,
        callback_url: callback.unwrap_or_else(|| "/".to_owned()),
        error_url,
        new_user_url,
        link_to,
        guest,
    })
    .await
    .map_err(errors::accounts)?;
    flow_cookie::set(context, &state, &sealed);
    Ok(url)
}

pub(crate) fn provider_of(name: &str) -> Option<Provider> {
    match name {
        "github" => Some(Provider::Github),
        "google" => Some(Provider::Google),
        _ => None,
    }
}

/// The URL that the provider redirects to. The operator registers it at the provider.
pub(crate) fn redirect_uri(context: &Context, provider: &str) -> Result<String, ApiError> {
    context
        .own_origin(access::is_https(context))
        .map(|origin| format!("{origin}/api/auth/callback/{provider}"))
        .ok_or_else(|| ApiError::invalid("host", "is missing"))
}

fn random() -> Result<String, ApiError> {
    let mut bytes = [0; RANDOM_BYTES];
    getrandom::fill(&mut bytes).map_err(|_| ApiError::internal("no randomness"))?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_is_different_and_has_43_characters() {
        let one = random().unwrap();
        assert_eq!(one.len(), 43);
        assert_ne!(one, random().unwrap());
        assert!(
            one.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        );
    }
}
