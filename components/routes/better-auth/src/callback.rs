//! The second half of the authorization code grant: the redirect back from GitHub or Google.

use access::cookies::{self, Lifetime};
use contracts::{
    accounts::{
        linked_accounts::{self, Flow, LinkError, Profile},
        types::Error,
    },
    oauth::authorization,
};
use http_edge::{ApiError, Context, Response};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;

use crate::{
    callback_url::CallbackUrl,
    flow_cookie,
    session_start::start_session,
    social::{provider_of, redirect_uri},
};

/// The page for failures if the frontend named none.
const ERROR_PAGE: &str = "/api/auth/error";
/// Maximum length of a provider's code, in bytes.
const MAX_CODE_BYTES: usize = 2048;
/// Maximum length of an error code that is passed on.
const MAX_ERROR_BYTES: usize = 64;

#[derive(Deserialize)]
struct CallbackQuery {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
}

/// The page and the error code that a failed flow redirects to.
struct Failed {
    page: String,
    code: String,
}

impl Failed {
    /// A failure before the flow was read.
    fn without_flow(code: &str) -> Self {
        Self {
            page: ERROR_PAGE.to_owned(),
            code: code.to_owned(),
        }
    }

    fn of(flow: &Flow, code: impl Into<String>) -> Self {
        Self {
            page: flow
                .error_url
                .clone()
                .unwrap_or_else(|| ERROR_PAGE.to_owned()),
            code: code.into(),
        }
    }
}

/// Redirects the browser in any case, and deletes the flow's cookie.
pub(crate) async fn finish_social(context: &mut Context) -> Result<Response, ApiError> {
    access::admit_address(context).await?;
    let state = context
        .query::<CallbackQuery>()
        .ok()
        .and_then(|query| query.state);
    let page = match complete(context).await {
        Ok(page) => page,
        Err(failed) => {
            // The pages of a flow were validated when it began.
            CallbackUrl::parse(&failed.page, |_| true)
                .map(|url| url.with("error", &failed.code).location())
                .unwrap_or_else(|| ERROR_PAGE.to_owned())
        }
    };
    if let Some(state) = state {
        flow_cookie::clear(context, &state);
    }
    Ok(Response::redirect(&page))
}

async fn complete(context: &mut Context) -> Result<String, Failed> {
    let name = context
        .param("provider", 32, "Sign-in provider")
        .map_err(|_| Failed::without_flow("oauth_provider_not_found"))?;
    let provider =
        provider_of(&name).ok_or_else(|| Failed::without_flow("oauth_provider_not_found"))?;
    let query: CallbackQuery = context
        .query()
        .map_err(|_| Failed::without_flow("invalid_callback_request"))?;
    let (flow, sealed) = open_flow(context, &name, query.state.as_deref()).await?;
    if let Some(error) = query.error {
        return Err(Failed::of(&flow, error_code(&error)));
    }
    let code = query
        .code
        .filter(|code| (1..=MAX_CODE_BYTES).contains(&code.len()))
        .ok_or_else(|| Failed::of(&flow, "no_code"))?;
    let redirect_uri =
        redirect_uri(context, &name).map_err(|_| Failed::of(&flow, "invalid_callback_request"))?;
    let profile =
        authorization::exchange_code(provider, redirect_uri, code, flow.code_verifier.clone())
            .await;
    let profile = profile.map_err(|error| {
        context.log.error(&error_mapping::oauth(error.clone()));
        Failed::of(&flow, oauth_code(&error))
    })?;
    let profile = Profile {
        provider: name,
        subject: profile.subject,
        email: profile.email,
        email_verified: profile.email_verified,
        name: profile.name,
        image: profile.image,
    };
    match &flow.link_to {
        Some(user) => link(context, &flow, user, profile, sealed).await,
        None => sign_in(context, &flow, profile, sealed).await,
    }
}

/// The flow that this browser began, if `state` belongs to it.
async fn open_flow(
    context: &mut Context,
    provider: &str,
    state: Option<&str>,
) -> Result<(Flow, String), Failed> {
    let state = state.ok_or_else(|| Failed::without_flow("state_not_found"))?;
    let sealed =
        flow_cookie::get(context, state).ok_or_else(|| Failed::without_flow("state_mismatch"))?;
    let flow = linked_accounts::open_flow(sealed.clone())
        .await
        .map_err(|error| {
            if let Error::Unavailable(cause) = &error {
                context.log.error(&ApiError::internal(cause.clone()));
                return Failed::without_flow("internal_server_error");
            }
            Failed::without_flow("state_mismatch")
        })?;
    let is_same: bool = flow.state.as_bytes().ct_eq(state.as_bytes()).into();
    if !is_same || flow.provider != provider {
        return Err(Failed::without_flow("state_mismatch"));
    }
    Ok((flow, sealed))
}

async fn sign_in(
    context: &mut Context,
    flow: &Flow,
    profile: Profile,
    sealed: String,
) -> Result<String, Failed> {
    let client = access::client(context);
    let (tokens, is_new) = linked_accounts::sign_in_with_profile(profile, sealed, client)
        .await
        .map_err(|error| failed(context, flow, error))?;
    start_session(
        context,
        &tokens,
        Lifetime::Seconds(cookies::SESSION_SECONDS),
    )
    .await;
    let new_user_page = flow.new_user_url.as_ref().filter(|_| is_new);
    Ok(new_user_page.unwrap_or(&flow.callback_url).clone())
}

/// Only for the user who began the flow. Otherwise an attacker could plant a flow in a victim's
/// browser and link an identity of the victim to the attacker's account.
async fn link(
    context: &mut Context,
    flow: &Flow,
    user: &str,
    profile: Profile,
    sealed: String,
) -> Result<String, Failed> {
    let principal = access::authenticate(context).await;
    if !principal.is_ok_and(|principal| principal.user.id == user) {
        return Err(Failed::of(flow, "session_expired"));
    }
    linked_accounts::link(user.to_owned(), profile, sealed)
        .await
        .map_err(|error| failed(context, flow, error))?;
    Ok(flow.callback_url.clone())
}

fn failed(context: &mut Context, flow: &Flow, error: LinkError) -> Failed {
    let code = match error {
        LinkError::AccountNotLinked => "account_not_linked",
        LinkError::EmailMissing => "email_not_found",
        LinkError::LinkedElsewhere => "account_already_linked_to_different_user",
        LinkError::Replayed => "state_already_used",
        LinkError::Other(Error::TokenInvalid | Error::TokenExpired) => "state_mismatch",
        LinkError::Other(Error::EmailNotVerified) => "email_not_verified",
        LinkError::Other(other) => {
            context.log.error(&error_mapping::accounts(other));
            "unable_to_link_account"
        }
    };
    Failed::of(flow, code)
}

fn oauth_code(error: &authorization::Error) -> &'static str {
    match error {
        authorization::Error::NotConfigured => "oauth_provider_not_found",
        authorization::Error::CodeRefused(_) => "invalid_code",
        authorization::Error::Unavailable(_) | authorization::Error::Protocol(_) => {
            "unable_to_get_user_info"
        }
    }
}

/// A provider's error code (RFC 6749, section 4.1.2.1), if it has the form of one.
pub(crate) fn error_code(text: &str) -> String {
    let good = (1..=MAX_ERROR_BYTES).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if good { text } else { "unknown_error" }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_code_of_other_text_is_unknown_error() {
        assert_eq!(error_code("access_denied"), "access_denied");
        for text in [
            "",
            "Your account is blocked, call 555",
            "<b>",
            &"x".repeat(65),
        ] {
            assert_eq!(error_code(text), "unknown_error");
        }
    }
}
