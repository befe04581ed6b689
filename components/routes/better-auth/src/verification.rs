//! Proving that an email address is one's own.

use access::cookies::{self, Lifetime};
use contracts::{
    accounts::{recovery, types::Error},
    mail::sender,
};
use http_edge::{ApiError, Context, Response};
use serde::{Deserialize, Serialize};

use crate::{
    callback_url::CallbackUrl,
    errors::{
        self, INVALID_CALLBACK_URL, INVALID_TOKEN, TOKEN_EXPIRED, VERIFICATION_EMAIL_NOT_ENABLED,
    },
    password::LONGEST_TOKEN,
    sign_in::{begin, own_callback},
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

/// Answers the same for an address that nobody has, and for one that is confirmed.
pub(crate) async fn send_verification_email(context: &mut Context) -> Result<Response, ApiError> {
    errors::require_trusted_origin(context)?;
    let request: SendVerification = context.json().await?;
    let callback = mailed_callback(
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

/// Where the link in the letter leads.
pub(crate) async fn verify_email(context: &mut Context) -> Result<Response, ApiError> {
    let verify: Verify = context.query()?;
    let page = own_callback(
        context,
        verify.callback_url.as_deref(),
        &INVALID_CALLBACK_URL,
    )?;
    access::admit_address(context).await?;
    let verified = if verify.token.len() > LONGEST_TOKEN {
        Err(Error::TokenInvalid)
    } else {
        recovery::verify_email(verify.token, access::client(context)).await
    };
    let refusal = match verified {
        Ok((account, tokens)) => {
            context.log.user(&account.id);
            if let Some(tokens) = tokens {
                begin(
                    context,
                    &tokens,
                    Lifetime::Seconds(cookies::SESSION_SECONDS),
                );
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

/// A URL that may stand in a letter to somebody: other than for the browser that makes the request
/// itself, its word on what host we are does not count. Else `refusal`.
pub(crate) fn mailed_callback(
    context: &Context,
    text: Option<&str>,
    refusal: &ApiError,
) -> Result<Option<String>, ApiError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    CallbackUrl::parse(text, |origin| {
        account_flows::is_allowed_link_target(context, origin)
    })
    .map(|url| Some(url.location()))
    .ok_or_else(|| refusal.clone())
}
