//! On the way to GitHub or Google: the first half of the authorization code grant.

use access::cookies::{self, Keep};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use contracts::{
    accounts::linked_accounts::{self, Flow},
    oauth::authorization::{self, Provider},
};
use http_edge::{ApiError, Context, Response};
use serde::{Deserialize, de::IgnoredAny};

use crate::{
    errors::{
        self, ID_TOKEN_NOT_SUPPORTED, INVALID_CALLBACK_URL, INVALID_ERROR_CALLBACK_URL,
        INVALID_NEW_USER_CALLBACK_URL, PROVIDER_NOT_FOUND,
    },
    sign_in::own_callback,
    view::Destination,
};

/// Holds the flow, sealed, while the browser is away.
pub(crate) const FLOW_COOKIE: &str = "goldfish-oauth";
/// Where that cookie is sent.
pub(crate) const FLOW_PATH: &str = "/api/auth";
/// Seconds that a flow may take.
const FLOW_SECONDS: u64 = 600;
/// Random bytes of a state and of a PKCE verifier, whose text then has the 43 characters that RFC
/// 7636 asks for.
const RANDOM_BYTES: usize = 32;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Begin {
    pub(crate) provider: String,
    #[serde(flatten)]
    pub(crate) ends: Ends,
    #[serde(default)]
    pub(crate) disable_redirect: bool,
    pub(crate) id_token: Option<IgnoredAny>,
}

/// Where the browser is to end.
#[derive(Default, Deserialize)]
pub(crate) struct Ends {
    #[serde(rename = "callbackURL")]
    callback: Option<String>,
    #[serde(rename = "errorCallbackURL")]
    error: Option<String>,
    #[serde(rename = "newUserCallbackURL")]
    new_user: Option<String>,
}

pub(crate) async fn begin_social(context: &mut Context) -> Result<Response, ApiError> {
    errors::require_own_site(context)?;
    let begin: Begin = context.json().await?;
    if begin.id_token.is_some() {
        return Err(ID_TOKEN_NOT_SUPPORTED);
    }
    access::admit_address(context).await?;
    let url = depart(context, &begin.provider, begin.ends, None).await?;
    Ok(Response::json(&Destination {
        url,
        redirect: !begin.disable_redirect,
    }))
}

/// The same for a plain link on a page.
pub(crate) async fn go_to_provider(context: &mut Context) -> Result<Response, ApiError> {
    let provider = context.param("provider", 32, "Sign-in provider")?;
    let ends: Ends = context.query()?;
    access::admit_address(context).await?;
    let url = depart(context, &provider, ends, None).await?;
    Ok(Response::redirect(&url))
}

/// Begins a flow, remembers it in the browser, and says where to send that. With `link_to` the
/// provider's account becomes another way in for that user.
pub(crate) async fn depart(
    context: &mut Context,
    provider_name: &str,
    ends: Ends,
    link_to: Option<String>,
) -> Result<String, ApiError> {
    let provider = provider_of(provider_name).ok_or(PROVIDER_NOT_FOUND)?;
    let to = |text: &Option<String>, refusal| {
        own_callback(context, text.as_deref(), refusal)
            .map(|url| url.map(|checked| checked.location()))
    };
    let callback = to(&ends.callback, &INVALID_CALLBACK_URL)?;
    let error_url = to(&ends.error, &INVALID_ERROR_CALLBACK_URL)?;
    let new_user_url = to(&ends.new_user, &INVALID_NEW_USER_CALLBACK_URL)?;
    let redirect_uri = redirect_uri(context, provider_name)?;
    let guest = match link_to {
        Some(_) => None,
        None => account_steps::guest_of(context).await?,
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
    let sealed = linked_accounts::begin_flow(Flow {
        provider: provider_name.to_owned(),
        state,
        code_verifier,
        callback_url: callback.unwrap_or_else(|| "/".to_owned()),
        error_url,
        new_user_url,
        link_to,
        guest,
    })
    .await
    .map_err(errors::accounts)?;
    let keep = Keep::For(FLOW_SECONDS);
    cookies::set(context, FLOW_COOKIE, &sealed, FLOW_PATH, keep);
    Ok(url)
}

pub(crate) fn provider_of(name: &str) -> Option<Provider> {
    match name {
        "github" => Some(Provider::Github),
        "google" => Some(Provider::Google),
        _ => None,
    }
}

/// Where the provider sends the browser back to; registered with it by the operator.
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
    fn states_and_verifiers_are_random_and_long_enough() {
        let one = random().unwrap();
        assert_eq!(one.len(), 43);
        assert_ne!(one, random().unwrap());
        assert!(
            one.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        );
    }
}
