//! `/api/auth`: the routes of Better Auth's client (npm `better-auth`), and sign-in with GitHub and
//! Google.
//!
//! Where the client uses a session's `token` only to name the session, the token is the session's id,
//! which is not a credential. The token for `Authorization: Bearer` is an access token.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "native builds contain only the logic, for its unit tests"
    )
)]

mod account;
mod callback;
mod callback_url;
mod email_token;
mod errors;
mod flow_cookie;
mod linking;
mod password;
mod session;
mod session_start;
mod sign_in;
mod sign_in_options;
mod sign_up;
mod social;
mod verification;
mod view;

use http_edge::{ApiError, Context, Response};
use serde::{Deserialize, Serialize};

http_edge::routes! {
    errors: errors::render,
    GET "/api/auth/ok" => show_ok,
    GET "/api/auth/error" => show_error,
    GET "/api/auth/sign-in-options" => sign_in_options::show_sign_in_options,
    POST "/api/auth/sign-up/email" => sign_up::sign_up_by_email,
    POST "/api/auth/sign-in/email" => sign_in::sign_in_by_email,
    POST "/api/auth/sign-in/anonymous" => sign_in::sign_in_anonymously,
    POST "/api/auth/sign-in/social" => social::begin_social,
    GET "/api/auth/sign-in/:provider" => social::redirect_to_provider,
    GET "/api/auth/callback/:provider" => callback::finish_social,
    POST "/api/auth/sign-out" => session::sign_out,
    GET "/api/auth/get-session" => session::show_session,
    GET "/api/auth/session" => session::show_session,
    GET "/api/auth/list-sessions" => session::list_sessions,
    POST "/api/auth/revoke-session" => session::revoke_session,
    POST "/api/auth/revoke-sessions" => session::revoke_sessions,
    POST "/api/auth/revoke-other-sessions" => session::revoke_other_sessions,
    POST "/api/auth/change-password" => password::change_password,
    POST "/api/auth/request-password-reset" => password::request_reset,
    POST "/api/auth/forget-password" => password::request_reset,
    POST "/api/auth/reset-password" => password::reset_password,
    GET "/api/auth/reset-password/:token" => password::follow_reset,
    POST "/api/auth/send-verification-email" => verification::send_verification_email,
    GET "/api/auth/verify-email" => verification::verify_email,
    POST "/api/auth/update-user" => account::update_user,
    POST "/api/auth/delete-user" => account::delete_user,
    GET "/api/auth/list-accounts" => linking::list_accounts,
    POST "/api/auth/link-social" => linking::link_social,
    POST "/api/auth/unlink-account" => linking::unlink_account,
}

#[derive(Serialize)]
struct Health {
    ok: bool,
}

#[derive(Default, Deserialize)]
struct ErrorQuery {
    error: Option<String>,
}

#[derive(Serialize)]
struct ErrorView {
    error: String,
    message: &'static str,
}

async fn show_ok(_: &mut Context) -> Result<Response, ApiError> {
    Ok(Response::json(&Health { ok: true }))
}

/// The page for failed sign-ins if the frontend named none.
async fn show_error(context: &mut Context) -> Result<Response, ApiError> {
    let error = context.query::<ErrorQuery>()?.error.unwrap_or_default();
    Ok(Response::json(&ErrorView {
        error: callback::error_code(&error),
        message: "Sign-in failed. Go back and try again.",
    })
    .status(400))
}
