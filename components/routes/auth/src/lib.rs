//! `/api/v1/auth`: signs up, in and out, renews sessions, tells who one is; and `/register` and
//! `/login`, the same for clients that want a token and nothing else.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

mod plain;
mod requests;
mod view;

use account_flows::Confirmation;
use contracts::{
    accounts::{
        registration, sessions,
        types::{Error, SessionTokens},
    },
    identity::types::{Principal, Proof, UserKind},
};
use http_edge::{ApiError, Context, Response};

use requests::{Login, LogoutRequest, Refresh, Register, Withdrawal};
use view::{Farewell, Pending, SessionView, UserAnswer, UserView};

http_edge::routes! {
    POST "/api/v1/auth/register" => register,
    POST "/api/v1/auth/login" => sign_in,
    POST "/api/v1/auth/guest" => create_guest,
    POST "/api/v1/auth/logout" => sign_out,
    POST "/api/v1/auth/refresh" => refresh_session,
    GET "/api/v1/auth/me" => show_user,
    DELETE "/api/v1/auth/me" => delete_user,
    POST "/register" => plain::register_plainly,
    POST "/login" => plain::log_in,
}

#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

async fn register(context: &mut Context) -> Result<Response, ApiError> {
    Ok(match registered(context).await? {
        Some(tokens) => begun(context, &tokens).status(201),
        None => Response::json(&Pending::MAIL).status(202),
    })
}

/// None if the owner of the address has to confirm it first.
async fn registered(context: &mut Context) -> Result<Option<SessionTokens>, ApiError> {
    access::require_trusted_origin(context)?;
    let register: Register = context.json().await?;
    access::admit_address(context).await?;
    account_flows::register(context, register.into(), None)
        .await?
        .map_err(failures::accounts)
}

async fn sign_in(context: &mut Context) -> Result<Response, ApiError> {
    let tokens = signed_in(context).await?;
    Ok(begun(context, &tokens))
}

async fn signed_in(context: &mut Context) -> Result<SessionTokens, ApiError> {
    access::require_trusted_origin(context)?;
    let login: Login = context.json().await?;
    access::admit_address(context).await?;
    access::admit_password(context, &login.email).await?;
    let client = access::client(context);
    let tokens = sessions::sign_in(login.email, login.password, client)
        .await
        .map_err(failures::accounts)?;
    context.log.user(&tokens.account.id);
    Ok(tokens)
}

async fn create_guest(context: &mut Context) -> Result<Response, ApiError> {
    access::require_trusted_origin(context)?;
    let Nothing {} = context.json_or_default().await?;
    access::admit_address(context).await?;
    let tokens = sessions::create_guest(access::client(context))
        .await
        .map_err(failures::accounts)?;
    Ok(begun(context, &tokens).status(201))
}

async fn refresh_session(context: &mut Context) -> Result<Response, ApiError> {
    access::require_trusted_origin(context)?;
    let refresh: Refresh = context.json().await?;
    access::admit_address(context).await?;
    let tokens = sessions::refresh(refresh.refresh_token, access::client(context))
        .await
        .map_err(failures::accounts)?;
    Ok(begun(context, &tokens))
}

/// Ends the session of the refresh token in the body, if there is one, else that of the request's
/// credential.
async fn sign_out(context: &mut Context) -> Result<Response, ApiError> {
    access::require_trusted_origin(context)?;
    let found = access::authenticate(context).await;
    let request = context.json_or_default::<LogoutRequest>().await;
    let principal = match (found, request) {
        (
            _,
            Ok(LogoutRequest {
                refresh_token: Some(token),
            }),
        ) => return end_by_refresh_token(context, token).await,
        (Ok(principal), Ok(_)) => principal,
        (Ok(_), Err(error)) => return Err(error),
        (Err(error), _) => {
            if let ApiError::Unauthorized(_) = error {
                access::clear_rejected_cookies(context);
            }
            return Err(error);
        }
    };
    match principal.proof {
        Proof::Session(session) => end(context, principal.user.id, session).await,
        Proof::ApiKey(_) => Err(ApiError::Forbidden(
            "An API key has no session to end; revoke it instead.",
        )),
        Proof::Workos(_) | Proof::Clerk(_) => {
            let logout_url = access::sign_out_external_session(context).await?;
            access::cookies::clear_sessions(context);
            Ok(Response::json(&Farewell {
                success: true,
                logout_url,
            }))
        }
    }
}

async fn end_by_refresh_token(context: &mut Context, token: String) -> Result<Response, ApiError> {
    access::admit_address(context).await?;
    let ended = sessions::refresh(token, access::client(context))
        .await
        .map_err(failures::accounts)?;
    end(context, ended.account.id, ended.session.id).await
}

async fn end(context: &mut Context, user: String, session: String) -> Result<Response, ApiError> {
    context.log.user(&user);
    match sessions::revoke_session(user, session).await {
        // It has ended in the meantime, with its account.
        Ok(()) | Err(Error::NotFound) => {}
        Err(other) => return Err(failures::accounts(other)),
    }
    access::cookies::clear_sessions(context);
    Ok(Response::json(&Farewell::GOODBYE))
}

async fn show_user(context: &mut Context) -> Result<Response, ApiError> {
    let Principal { user, .. } = access::require_user(context).await?;
    if user.kind != UserKind::Registered {
        return Ok(Response::json(&UserAnswer {
            user: UserView::from(&user),
        }));
    }
    // What a token says of an account may have changed since.
    let account = registration::get_account(user.id)
        .await
        .map_err(failures::accounts)?;
    Ok(Response::json(&UserAnswer {
        user: UserView::from(&account),
    }))
}

async fn delete_user(context: &mut Context) -> Result<Response, ApiError> {
    let principal = access::require_account_access(context).await?;
    let request: Withdrawal = context.json_or_default().await?;
    match account_flows::delete_own_account(context, &principal, request.password).await? {
        Confirmation::Confirmed => Ok(Response::json(&Farewell::GOODBYE)),
        Confirmation::WrongPassword => Err(ApiError::Forbidden("The password is wrong.")),
        Confirmation::SessionTooOld => Err(ApiError::Forbidden(
            "Give the password, or sign in again, to delete the account.",
        )),
    }
}

fn begun(context: &mut Context, tokens: &SessionTokens) -> Response {
    context.log.user(&tokens.account.id);
    let keep = access::cookies::Lifetime::Seconds(access::cookies::SESSION_SECONDS);
    access::cookies::set_session(context, &tokens.cookie, keep);
    Response::json(&SessionView::from(tokens))
}
