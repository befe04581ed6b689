//! `/api/v1/auth`: registration, sign-in, guests, refresh, sign-out and the current user; and
//! `/register` and `/login`, for clients that need only a token.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "native builds contain only the logic, for its unit tests"
    )
)]

mod credentials;
mod requests;
mod token_only;
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
use realtime_events::close_sockets;

use requests::{DeleteUser, Logout, Refresh};
use view::{SessionView, SignedOut, UserResponse, UserView, VerificationPending};

http_edge::routes! {
    POST "/api/v1/auth/register" => register,
    POST "/api/v1/auth/login" => sign_in,
    POST "/api/v1/auth/guest" => create_guest,
    POST "/api/v1/auth/logout" => sign_out,
    POST "/api/v1/auth/refresh" => refresh_session,
    GET "/api/v1/auth/me" => show_user,
    DELETE "/api/v1/auth/me" => delete_user,
    POST "/register" => token_only::register,
    POST "/login" => token_only::log_in,
}

#[derive(Default, serde::Deserialize)]
struct EmptyRequest {}

async fn register(context: &mut Context) -> Result<Response, ApiError> {
    Ok(match credentials::register(context).await? {
        Some(tokens) => session_response(context, &tokens).await.status(201),
        None => Response::json(&VerificationPending::MESSAGE).status(202),
    })
}

async fn sign_in(context: &mut Context) -> Result<Response, ApiError> {
    let tokens = credentials::sign_in(context).await?;
    Ok(session_response(context, &tokens).await)
}

async fn create_guest(context: &mut Context) -> Result<Response, ApiError> {
    access::require_trusted_origin(context)?;
    let EmptyRequest {} = context.json_or_default().await?;
    access::admit_address(context).await?;
    let tokens = sessions::create_guest(access::client(context))
        .await
        .map_err(error_mapping::accounts)?;
    Ok(session_response(context, &tokens).await.status(201))
}

async fn refresh_session(context: &mut Context) -> Result<Response, ApiError> {
    access::require_trusted_origin(context)?;
    let refresh: Refresh = context.json().await?;
    access::admit_address(context).await?;
    let tokens = sessions::refresh(refresh.refresh_token, access::client(context))
        .await
        .map_err(error_mapping::accounts)?;
    Ok(session_response(context, &tokens).await)
}

/// Ends the session of the refresh token in the body. Without one, that of the request's credential.
async fn sign_out(context: &mut Context) -> Result<Response, ApiError> {
    access::require_trusted_origin(context)?;
    let authenticated = access::authenticate(context).await;
    let request = context.json_or_default::<Logout>().await;
    let principal = match (authenticated, request) {
        (
            _,
            Ok(Logout {
                refresh_token: Some(token),
            }),
        ) => return end_session_of_refresh_token(context, token).await,
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
        Proof::Session(session) => end_session(context, principal.user.id, session).await,
        Proof::ApiKey(_) => Err(ApiError::Forbidden(
            "An API key has no session. Revoke the key instead.",
        )),
        Proof::Workos(session) | Proof::Clerk(session) => {
            let logout_url = access::sign_out_external_session(context).await?;
            let proof = format!("session:{session}");
            close_sockets(context, principal.user.id, Some(proof)).await;
            access::cookies::clear_sessions(context);
            Ok(Response::json(&SignedOut {
                success: true,
                logout_url,
            }))
        }
    }
}

async fn end_session_of_refresh_token(
    context: &mut Context,
    token: String,
) -> Result<Response, ApiError> {
    access::admit_address(context).await?;
    let tokens = sessions::refresh(token, access::client(context))
        .await
        .map_err(error_mapping::accounts)?;
    end_session(context, tokens.account.id, tokens.session.id).await
}

async fn end_session(
    context: &mut Context,
    user: String,
    session: String,
) -> Result<Response, ApiError> {
    context.log.user(&user);
    match sessions::revoke_session(user.clone(), session.clone()).await {
        // A concurrent request deleted the account.
        Ok(()) | Err(Error::NotFound) => {}
        Err(other) => return Err(error_mapping::accounts(other)),
    }
    close_sockets(context, user, Some(format!("session:{session}"))).await;
    access::cookies::clear_sessions(context);
    Ok(Response::json(&SignedOut::SUCCESS))
}

async fn show_user(context: &mut Context) -> Result<Response, ApiError> {
    let Principal { user, .. } = access::require_user(context).await?;
    if user.kind != UserKind::Registered {
        return Ok(Response::json(&UserResponse {
            user: UserView::from(&user),
        }));
    }
    // The account may have changed since the token was issued.
    let account = registration::get_account(user.id)
        .await
        .map_err(error_mapping::accounts)?;
    Ok(Response::json(&UserResponse {
        user: UserView::from(&account),
    }))
}

async fn delete_user(context: &mut Context) -> Result<Response, ApiError> {
    let principal = access::require_account_access(context).await?;
    let request: DeleteUser = context.json_or_default().await?;
    match account_flows::delete_own_account(context, &principal, request.password).await? {
        Confirmation::Confirmed => Ok(Response::json(&SignedOut::SUCCESS)),
        Confirmation::WrongPassword => Err(ApiError::Forbidden("Wrong password.")),
        Confirmation::SessionTooOld => Err(ApiError::Forbidden(
            "To delete the account, send the password or sign in again.",
        )),
    }
}

async fn session_response(context: &mut Context, tokens: &SessionTokens) -> Response {
    context.log.user(&tokens.account.id);
    account_flows::ensure_profile(context, &tokens.account).await;
    let lifetime = access::cookies::Lifetime::Seconds(access::cookies::SESSION_SECONDS);
    access::cookies::set_session(context, &tokens.cookie, lifetime);
    Response::json(&SessionView::from(tokens))
}
