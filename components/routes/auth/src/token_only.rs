//! `/register` and `/login`: the response is a token for `Authorization: Bearer`, without a cookie.

use http_edge::{ApiError, Context, Response};
use serde::Serialize;

use crate::{credentials, view::VerificationPending};

#[derive(Serialize)]
struct CreatedResponse<'a> {
    message: &'static str,
    token: &'a str,
}

#[derive(Serialize)]
struct TokenResponse<'a> {
    token: &'a str,
}

pub(crate) async fn register(context: &mut Context) -> Result<Response, ApiError> {
    Ok(match credentials::register(context).await? {
        Some(tokens) => {
            account_flows::ensure_profile(context, &tokens.account).await;
            Response::json(&CreatedResponse {
                message: "User created",
                token: &tokens.bearer_token,
            })
            .status(201)
        }
        None => Response::json(&VerificationPending::MESSAGE).status(202),
    })
}

pub(crate) async fn log_in(context: &mut Context) -> Result<Response, ApiError> {
    let tokens = credentials::sign_in(context).await?;
    account_flows::ensure_profile(context, &tokens.account).await;
    Ok(Response::json(&TokenResponse {
        token: &tokens.bearer_token,
    }))
}
