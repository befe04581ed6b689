//! `/register` and `/login`: a token for `Authorization: Bearer`, and no cookie.

use http_edge::{ApiError, Context, Response};
use serde::Serialize;

use crate::{registered, signed_in, view::Pending};

#[derive(Serialize)]
struct Created<'a> {
    message: &'static str,
    token: &'a str,
}

#[derive(Serialize)]
struct Token<'a> {
    token: &'a str,
}

pub(crate) async fn register_plainly(context: &mut Context) -> Result<Response, ApiError> {
    Ok(match registered(context).await? {
        Some(tokens) => Response::json(&Created {
            message: "User created",
            token: &tokens.bearer_token,
        })
        .status(201),
        None => Response::json(&Pending::MAIL).status(202),
    })
}

pub(crate) async fn log_in(context: &mut Context) -> Result<Response, ApiError> {
    let tokens = signed_in(context).await?;
    Ok(Response::json(&Token {
        token: &tokens.bearer_token,
    }))
}
