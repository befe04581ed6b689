//! Changing and resetting passwords.

use contracts::{
    accounts::{recovery, types::Error},
    identity::types::Proof,
    mail::sender,
};
use http_edge::{ApiError, Context, Response};
use realtime_events::close_sockets;
use serde::Deserialize;

use crate::{
    callback_url::{email_link_url, redirect_url},
    email_token::MAX_TOKEN_BYTES,
    errors::{
        self, CREDENTIAL_ACCOUNT_NOT_FOUND, INVALID_CALLBACK_URL, INVALID_PASSWORD,
        INVALID_REDIRECT_URL, INVALID_TOKEN, RESET_PASSWORD_DISABLED,
    },
    view::{Status, StatusWithMessage, TokenAndUser, UserView},
};

/// The form for a new password on the page of this server.
const OWN_FORM: &str = "/new-password";

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
struct ResetLink {
    #[serde(rename = "callbackURL")]
    callback_url: Option<String>,
}

pub(crate) async fn change_password(context: &mut Context) -> Result<Response, ApiError> {
    errors::require_trusted_origin(context)?;
    let principal = access::require_account_access(context).await?;
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
    if change.revoke_other_sessions {
        // Sockets of the remaining session reconnect.
        close_sockets(context, account.id.clone(), None).await;
    }
    if let Some(email) = account.email.clone() {
        account_flows::send_password_changed(context, email, account.name.clone());
    }
    Ok(Response::json(&TokenAndUser {
        // The session keeps its token.
        token: None,
        user: UserView::from(&account),
    }))
}

/// The response is the same for an address without an account.
pub(crate) async fn request_reset(context: &mut Context) -> Result<Response, ApiError> {
    errors::require_trusted_origin(context)?;
    let request: RequestReset = context.json().await?;
    let page = request.redirect_to.as_deref().unwrap_or(OWN_FORM);
    let callback = email_link_url(context, Some(page), &INVALID_REDIRECT_URL)?;
    access::admit_address(context).await?;
    if !sender::is_configured().await {
        return Err(RESET_PASSWORD_DISABLED);
    }
    access::admit_email(context, &request.email).await?;
    account_flows::send_password_reset(context, request.email, callback.as_deref());
    Ok(Response::json(&StatusWithMessage {
        status: true,
        message: "If this email exists in our system, check your email for the reset link",
    }))
}

/// The target of the email's link. Redirects to the frontend's page.
pub(crate) async fn follow_reset(context: &mut Context) -> Result<Response, ApiError> {
    let token = context.param("token", MAX_TOKEN_BYTES, "Token")?;
    let link: ResetLink = context.query()?;
    let page = redirect_url(context, link.callback_url.as_deref(), &INVALID_CALLBACK_URL)?;
    let page = page.ok_or(INVALID_CALLBACK_URL)?;
    access::admit_address(context).await?;
    let page = match recovery::check_reset(token.clone()).await {
        Ok(()) => page.with("token", &token),
        Err(Error::Unavailable(cause)) => return Err(ApiError::storage_unavailable(cause)),
        Err(_) => page.with("error", "INVALID_TOKEN"),
    };
    Ok(Response::redirect(&page.location()))
}

pub(crate) async fn reset_password(context: &mut Context) -> Result<Response, ApiError> {
    errors::require_trusted_origin(context)?;
    let reset: ResetPassword = context.json().await?;
    errors::require_length(&reset.new_password)?;
    access::admit_address(context).await?;
    if reset.token.len() > MAX_TOKEN_BYTES {
        return Err(INVALID_TOKEN);
    }
    let account = recovery::reset_password(reset.token, reset.new_password)
        .await
        .map_err(|error| match error {
            // Better Auth has one code for all invalid tokens.
            Error::TokenExpired | Error::NotFound => INVALID_TOKEN,
            other => errors::accounts(other),
        })?;
    context.log.user(&account.id);
    close_sockets(context, account.id, None).await;
    if let Some(email) = account.email {
        account_flows::send_password_changed(context, email, account.name);
    }
    Ok(Response::json(&Status::DONE))
}
