//! Confirming email addresses.

use access::cookies::{self, Lifetime};
use contracts::{
    accounts::{recovery, types::Error},
    mail::sender,
};
use http_edge::{ApiError, Context, Response};
use serde::{Deserialize, Serialize};

use crate::{
    callback_url::{email_link_url, redirect_url},
    email_token::MAX_TOKEN_BYTES,
    errors::{
        self, INVALID_CALLBACK_URL, INVALID_TOKEN, TOKEN_EXPIRED, VERIFICATION_EMAIL_NOT_ENABLED,
    },
    session_start::start_session,
    view::{Status, UserView},
};

#[derive(Deserialize)]
struct SendVerification {
    email: String,
    #[serde(rename = "callbackURL")]
    callback_url: Option<String>,
}

#[derive(Deserialize)]
struct Verify {
    token: String,
    #[serde(rename = "callbackURL")]
    callback_url: Option<String>,
}

#[derive(Serialize)]
struct Verified {
    status: bool,
    user: UserView,
}

/// The response is the same for an address without an account and for a confirmed one.
pub(crate) async fn send_verification_email(context: &mut Context) -> Result<Response, ApiError> {
    errors::require_trusted_origin(context)?;
    let request: SendVerification = context.json().await?;
    let callback = email_link_url(
        context,
        request.callback_url.as_deref(),
        &INVALID_CALLBACK_URL,
    )?;
    access::admit_address(context).await?;
    if !sender::is_configured().await {
        return Err(VERIFICATION_EMAIL_NOT_ENABLED);
    }
    access::admit_email(context, &request.email).await?;
    account_flows::send_verification(context, request.email, callback.as_deref());
    Ok(Response::json(&Status::DONE))
}

/// The target of the email's link.
pub(crate) async fn verify_email(context: &mut Context) -> Result<Response, ApiError> {
    let verify: Verify = context.query()?;
    let page = redirect_url(
        context,
        verify.callback_url.as_deref(),
        &INVALID_CALLBACK_URL,
    )?;
    access::admit_address(context).await?;
    let verified = if verify.token.len() > MAX_TOKEN_BYTES {
        Err(Error::TokenInvalid)
    } else {
        recovery::verify_email(verify.token, access::client(context)).await
    };
    let refusal = match verified {
        Ok((account, tokens)) => {
            context.log.user(&account.id);
            if let Some(tokens) = tokens {
                start_session(
                    context,
                    &tokens,
                    Lifetime::Seconds(cookies::SESSION_SECONDS),
                )
                .await;
            }
            return Ok(match page {
                Some(page) => Response::redirect(&page.location()),
                None => Response::json(&Verified {
                    status: true,
                    user: UserView::from(&account),
                }),
            });
        }
        Err(Error::TokenExpired) => TOKEN_EXPIRED,
        Err(Error::TokenInvalid | Error::NotFound) => INVALID_TOKEN,
        Err(other) => return Err(errors::accounts(other)),
    };
    match page {
        Some(page) => {
            let page = page.with("error", refusal.public().code);
            Ok(Response::redirect(&page.location()))
        }
        None => Err(refusal),
    }
}
