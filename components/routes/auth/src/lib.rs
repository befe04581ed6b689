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

use account_steps::Consent;
use contracts::{
    accounts::{
        registration, sessions,
        types::{Error, SignedIn},
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
        Some(signed_in) => begun(context, &signed_in).status(201),
        None => Response::json(&Pending::MAIL).status(202),
    })
}

/// None if the owner of the address has to confirm it first.
async fn registered(context: &mut Context) -> Result<Option<SignedIn>, ApiError> {
    access::require_own_site(context)?;
    let register: Register = context.json().await?;
    access::admit_address(context).await?;
    account_steps::register(context, register.into(), None)
        .await?
        .map_err(error_mapping::accounts)
}

async fn sign_in(context: &mut Context) -> Result<Response, ApiError> {
    let signed_in = signed_in(context).await?;
    Ok(begun(context, &signed_in))
}

async fn signed_in(context: &mut Context) -> Result<SignedIn, ApiError> {
    access::require_own_site(context)?;
    let login: Login = context.json().await?;
    access::admit_address(context).await?;
    access::admit_password(context, &login.email).await?;
    let client = access::client(context);
    let signed_in = sessions::sign_in(login.email, login.password, client)
        .await
        .map_err(error_mapping::accounts)?;
    context.log.user(&signed_in.account.id);
    Ok(signed_in)
}

async fn create_guest(context: &mut Context) -> Result<Response, ApiError> {
    access::require_own_site(context)?;
    let Nothing {} = context.json_or_default().await?;
    access::admit_address(context).await?;
    let signed_in = sessions::create_guest(access::client(context))
        .await
        .map_err(error_mapping::accounts)?;
    Ok(begun(context, &signed_in).status(201))
}

async fn refresh_session(context: &mut Context) -> Result<Response, ApiError> {
    access::require_own_site(context)?;
    let refresh: Refresh = context.json().await?;
    access::admit_address(context).await?;
    let signed_in = sessions::refresh(refresh.refresh_token, access::client(context))
        .await
        .map_err(error_mapping::accounts)?;
    Ok(begun(context, &signed_in))
}

/// Ends the session of the refresh token in the body, if there is one, else that of the request's
/// credential.
async fn sign_out(context: &mut Context) -> Result<Response, ApiError> {
    access::require_own_site(context)?;
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
                access::forget_refused(context);
            }
            return Err(error);
        }
    };
    match principal.proof {
        Proof::Session(session) => end(context, principal.user.id, session).await,
        Proof::ApiKey(_) => Err(ApiError::Forbidden(
            "An API key has no session. Revoke the key instead.",
        )),
        Proof::Workos(_) | Proof::Clerk(_) => {
            let logout_url = access::sign_out_externally(context).await?;
            access::cookies::forget_sessions(context);
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
        .map_err(error_mapping::accounts)?;
    end(context, ended.account.id, ended.session.id).await
}

async fn end(context: &mut Context, user: String, session: String) -> Result<Response, ApiError> {
    context.log.user(&user);
    match sessions::revoke_session(user, session).await {
        // It has ended in the meantime, with its account.
        Ok(()) | Err(Error::NotFound) => {}
        Err(other) => return Err(error_mapping::accounts(other)),
    }
    access::cookies::forget_sessions(context);
    Ok(Response::json(&Farewell::GOODBYE))
}

async fn show_user(context: &mut Context) -> Result<Response, ApiError> {
    let Principal { user, .. } = access::signed_in(context).await?;
    if user.kind != UserKind::Registered {
        return Ok(Response::json(&UserAnswer {
            user: UserView::from(&user),
        }));
    }
    // What a token says of an account may have changed since.
    let account = registration::get_account(user.id)
        .await
        .map_err(error_mapping::accounts)?;
    Ok(Response::json(&UserAnswer {
        user: UserView::from(&account),
    }))
}

async fn delete_user(context: &mut Context) -> Result<Response, ApiError> {
    let principal = access::account_holder(context).await?;
    let request: Withdrawal = context.json_or_default().await?;
    match account_steps::withdraw(context, &principal, request.password).await? {
        Consent::Given => Ok(Response::json(&Farewell::GOODBYE)),
        Consent::WrongPassword => Err(ApiError::Forbidden("Wrong password.")),
        Consent::Stale => Err(ApiError::Forbidden(
            "To delete the account, send the password or sign in again.",
        )),
    }
}

fn begun(context: &mut Context, signed_in: &SignedIn) -> Response {
    context.log.user(&signed_in.account.id);
    let keep = access::cookies::Keep::For(access::cookies::SESSION_SECONDS);
    access::cookies::set_session(context, &signed_in.cookie, keep);
    Response::json(&SessionView::from(signed_in))
}
