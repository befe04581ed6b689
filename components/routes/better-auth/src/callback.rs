//! Back from GitHub or Google: the second half of the authorization code grant.

use access::cookies::{self, Keep};
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
    sign_in::begin,
    social::{FLOW_COOKIE, FLOW_PATH, provider_of, redirect_uri},
};

/// Where a browser ends if the frontend named no page for failures.
const ERROR_PAGE: &str = "/api/auth/error";
/// Longest code of a provider's that is looked at, in bytes.
const LONGEST_CODE: usize = 2048;
/// Longest error code that is handed on.
const LONGEST_ERROR: usize = 64;

#[derive(Deserialize)]
struct Return {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
}

/// Where the browser ends, and with which error code.
struct Failed {
    page: String,
    code: String,
}

impl Failed {
    /// Before it is known which flow this is, and so where else to go.
    fn early(code: &str) -> Self {
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

/// Whatever comes of it, the browser is sent on, and the flow is over for it.
pub(crate) async fn finish_social(context: &mut Context) -> Result<Response, ApiError> {
    access::admit_address(context).await?;
    let page = match arrive(context).await {
        Ok(page) => page,
        Err(failed) => {
            // The pages of a flow were checked when it began.
            CallbackUrl::parse(&failed.page, |_| true)
                .map(|url| url.with("error", &failed.code).location())
                .unwrap_or_else(|| ERROR_PAGE.to_owned())
        }
    };
    cookies::set(context, FLOW_COOKIE, "", FLOW_PATH, Keep::Forget);
    Ok(Response::redirect(&page))
}

async fn arrive(context: &mut Context) -> Result<String, Failed> {
    let name = context
        .param("provider", 32, "Sign-in provider")
        .map_err(|_| Failed::early("oauth_provider_not_found"))?;
    let provider = provider_of(&name).ok_or_else(|| Failed::early("oauth_provider_not_found"))?;
    let back: Return = context
        .query()
        .map_err(|_| Failed::early("invalid_callback_request"))?;
    let (flow, sealed) = opened(context, &name, back.state.as_deref()).await?;
    if let Some(error) = back.error {
        return Err(Failed::of(&flow, error_code(&error)));
    }
    let code = back
        .code
        .filter(|code| (1..=LONGEST_CODE).contains(&code.len()))
        .ok_or_else(|| Failed::of(&flow, "no_code"))?;
    let redirect_uri =
        redirect_uri(context, &name).map_err(|_| Failed::of(&flow, "invalid_callback_request"))?;
    let profile =
        authorization::exchange(provider, redirect_uri, code, flow.code_verifier.clone()).await;
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

/// The flow that this browser began and that the provider's answer belongs to.
async fn opened(
    context: &mut Context,
    provider: &str,
    state: Option<&str>,
) -> Result<(Flow, String), Failed> {
    let state = state.ok_or_else(|| Failed::early("state_not_found"))?;
    let sealed = context
        .head
        .cookie(FLOW_COOKIE)
        .map(str::to_owned)
        .ok_or_else(|| Failed::early("state_mismatch"))?;
    let flow = linked_accounts::open_flow(sealed.clone())
        .await
        .map_err(|error| {
            if let Error::Unavailable(cause) = &error {
                context.log.error(&ApiError::internal(cause.clone()));
                return Failed::early("internal_server_error");
            }
            Failed::early("state_mismatch")
        })?;
    let is_same: bool = flow.state.as_bytes().ct_eq(state.as_bytes()).into();
    if !is_same || flow.provider != provider {
        return Err(Failed::early("state_mismatch"));
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
    let (signed_in, is_new) = linked_accounts::sign_in_with(profile, sealed, client)
        .await
        .map_err(|error| failed(context, flow, error))?;
    begin(context, &signed_in, Keep::For(cookies::SESSION_SECONDS));
    let new_user_page = flow.new_user_url.as_ref().filter(|_| is_new);
    Ok(new_user_page.unwrap_or(&flow.callback_url).clone())
}

/// Only for the user who began it: a flow that somebody else slipped into this browser would give
/// them a way in through the account of whoever sits before it.
async fn link(
    context: &mut Context,
    flow: &Flow,
    user: &str,
    profile: Profile,
    sealed: String,
) -> Result<String, Failed> {
    let present = access::authenticate(context).await;
    if !present.is_ok_and(|principal| principal.user.id == user) {
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

/// A provider's error code (RFC 6749, section 4.1.2.1) if it looks like one.
pub(crate) fn error_code(text: &str) -> String {
    let good = (1..=LONGEST_ERROR).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if good { text } else { "unknown_error" }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_codes_are_handed_on() {
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
