//! Passwords: another one, and one that was forgotten.

use contracts::{
    accounts::{recovery, types::Error},
    identity::types::Proof,
    mail::sender,
};
use http_edge::{ApiError, Context, Response};
use serde::Deserialize;

use crate::{
    errors::{
        self, CREDENTIAL_ACCOUNT_NOT_FOUND, INVALID_CALLBACK_URL, INVALID_PASSWORD,
        INVALID_REDIRECT_URL, INVALID_TOKEN, RESET_PASSWORD_DISABLED,
    },
    sign_in::own_callback,
    verification::mailed_callback,
    view::{Status, StatusWithMessage, TokenAndUser, UserView},
};

/// Longest token that is looked at, in bytes.
pub(crate) const LONGEST_TOKEN: usize = 4096;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChangePassword {
    new_password: String,
    current_password: String,
    #[serde(default)]
    revoke_other_sessions: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestReset {
    email: String,
    redirect_to: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResetPassword {
    new_password: String,
    token: String,
}

#[derive(Deserialize)]
pub(crate) struct Onward {
    #[serde(rename = "callbackURL")]
    pub(crate) callback_url: Option<String>,
}

pub(crate) async fn change_password(context: &mut Context) -> Result<Response, ApiError> {
    errors::require_own_site(context)?;
    let principal = access::account_holder(context).await?;
    let change: ChangePassword = context.json().await?;
    errors::require_length(&change.new_password)?;
    let Proof::Session(session) = principal.proof else {
        return Err(ApiError::Forbidden(
            "This requires a session of a registered account.",
        ));
    };
    let email = principal.user.email.unwrap_or_default();
    access::admit_password(context, &email).await?;
    let account = recovery::change_password(
        principal.user.id,
        change.current_password,
        change.new_password,
        session,
        change.revoke_other_sessions,
    )
    .await
    .map_err(|error| match error {
        Error::WrongCredentials => INVALID_PASSWORD,
        Error::NotFound => CREDENTIAL_ACCOUNT_NOT_FOUND,
        other => errors::accounts(other),
    })?;
    if let Some(email) = account.email.clone() {
        account_steps::tell_of_change(context, email, account.name.clone());
    }
    Ok(Response::json(&TokenAndUser {
        // The session goes on with the token it has.
        token: None,
        user: UserView::from(&account),
    }))
}

/// Answers the same for an address that nobody has.
pub(crate) async fn request_reset(context: &mut Context) -> Result<Response, ApiError> {
    errors::require_own_site(context)?;
    let request: RequestReset = context.json().await?;
    let callback = mailed_callback(
        context,
        request.redirect_to.as_deref(),
        &INVALID_REDIRECT_URL,
    )?;
    access::admit_address(context).await?;
    if !sender::is_configured().await {
        return Err(RESET_PASSWORD_DISABLED);
    }
    access::admit_email(context, &request.email).await?;
    account_steps::send_reset(context, request.email, callback.as_deref());
    Ok(Response::json(&StatusWithMessage {
        status: true,
        message: "If this email exists in our system, check your email for the reset link",
    }))
}

/// Where the link in the letter leads: on to the frontend's page.
pub(crate) async fn follow_reset(context: &mut Context) -> Result<Response, ApiError> {
    let token = context.param("token", LONGEST_TOKEN, "Token")?;
    let onward: Onward = context.query()?;
    let page = own_callback(
        context,
        onward.callback_url.as_deref(),
        &INVALID_CALLBACK_URL,
    )?;
    let page = page.ok_or(INVALID_CALLBACK_URL)?;
    access::admit_address(context).await?;
    let page = match recovery::check_reset(token.clone()).await {
        Ok(()) => page.with("token", &token),
        Err(Error::Unavailable(cause)) => return Err(ApiError::internal(cause)),
        Err(_) => page.with("error", "INVALID_TOKEN"),
    };
    Ok(Response::redirect(&page.location()))
}

pub(crate) async fn reset_password(context: &mut Context) -> Result<Response, ApiError> {
    errors::require_own_site(context)?;
    let reset: ResetPassword = context.json().await?;
    errors::require_length(&reset.new_password)?;
    access::admit_address(context).await?;
    if reset.token.len() > LONGEST_TOKEN {
        return Err(INVALID_TOKEN);
    }
    let account = recovery::reset_password(reset.token, reset.new_password)
        .await
        .map_err(|error| match error {
            // Better Auth has one answer for all that is wrong with it.
            Error::TokenExpired | Error::NotFound => INVALID_TOKEN,
            other => errors::accounts(other),
        })?;
    context.log.user(&account.id);
    if let Some(email) = account.email {
        account_steps::tell_of_change(context, email, account.name);
    }
    Ok(Response::json(&Status::DONE))
}
