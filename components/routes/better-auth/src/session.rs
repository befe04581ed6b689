//! Showing, listing and ending sessions.

use access::cookies;
use contracts::{
    accounts::{registration, sessions, types::Error},
    identity::types::{AuthError, Principal, Proof},
    quota::limits::Action,
};
use futures::join;
use http_edge::{ApiError, Context, Response, parse_uuid};
use realtime_events::close_sockets;
use serde::Deserialize;
use unix_time::now_ms;

use crate::{
    errors,
    view::{CurrentSession, SessionView, Status, Success, UserView},
};

#[derive(Deserialize)]
struct RevokeSession {
    token: String,
}

#[derive(Default, Deserialize)]
struct EmptyRequest {}

/// `null` for an unauthenticated request.
pub(crate) async fn show_session(context: &mut Context) -> Result<Response, ApiError> {
    const NONE: Option<CurrentSession> = None;
    let principal = match access::try_authenticate(context).await? {
        Ok(principal) => principal,
        Err(AuthError::Missing) => return Ok(Response::json(&NONE)),
        Err(AuthError::Invalid | AuthError::Expired) => {
            access::clear_rejected_cookies(context);
            return Ok(Response::json(&NONE));
        }
        Err(error @ AuthError::Unavailable(_)) => return Err(error_mapping::identity(error)),
    };
    access::admit(context, Action::Api, &principal.user.id).await?;
    Ok(Response::json(&current(&principal).await?))
}

/// None for an API key, which has no session.
async fn current(principal: &Principal) -> Result<Option<CurrentSession>, ApiError> {
    let (Proof::Session(id) | Proof::Workos(id) | Proof::Clerk(id)) = &principal.proof else {
        return Ok(None);
    };
    let user_id = &principal.user.id;
    let (account, session) = join!(
        registration::get_account(user_id.clone()),
        sessions::get_session(user_id.clone(), id.clone()),
    );
    let now = now_ms();
    let user = match account {
        Ok(account) => UserView::from(&account),
        Err(Error::NotFound) => UserView::of(&principal.user, now),
        Err(other) => return Err(errors::accounts(other)),
    };
    let session = match session {
        Ok(session) => SessionView::new(&session, user_id),
        Err(Error::NotFound) => {
            SessionView::of(id, user_id, now, now + cookies::SESSION_SECONDS * 1000)
        }
        Err(other) => return Err(errors::accounts(other)),
    };
    Ok(Some(CurrentSession { session, user }))
}

pub(crate) async fn list_sessions(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::require_account_access(context).await?.user;
    let sessions = sessions::list_sessions(user.id.clone())
        .await
        .map_err(errors::accounts)?;
    let views: Vec<_> = sessions
        .iter()
        .map(|session| SessionView::new(session, &user.id))
        .collect();
    Ok(Response::json(&views))
}

/// The response is the same for another user's session and for an unknown one.
pub(crate) async fn revoke_session(context: &mut Context) -> Result<Response, ApiError> {
    errors::require_trusted_origin(context)?;
    let principal = access::require_account_access(context).await?;
    let RevokeSession { token } = context.json().await?;
    if let Some(id) = parse_uuid(&token) {
        if matches!(&principal.proof, Proof::Session(own) if *own == id) {
            cookies::clear_sessions(context);
        }
        revoke(context, principal.user.id, id).await?;
    }
    Ok(Response::json(&Status::DONE))
}

async fn revoke(context: &Context, user: String, id: String) -> Result<(), ApiError> {
    match sessions::revoke_session(user.clone(), id.clone()).await {
        Ok(()) | Err(Error::NotFound) => {}
        Err(other) => return Err(errors::accounts(other)),
    }
    close_sockets(context, user, Some(format!("session:{id}"))).await;
    Ok(())
}

pub(crate) async fn revoke_sessions(context: &mut Context) -> Result<Response, ApiError> {
    let principal = revoke_all_except(context, |_| None).await?;
    if let Proof::Session(_) = principal.proof {
        cookies::clear_sessions(context);
    }
    Ok(Response::json(&Status::DONE))
}

pub(crate) async fn revoke_other_sessions(context: &mut Context) -> Result<Response, ApiError> {
    revoke_all_except(context, |proof| match proof {
        Proof::Session(own) => Some(own.clone()),
        _ => None,
    })
    .await?;
    Ok(Response::json(&Status::DONE))
}

async fn revoke_all_except(
    context: &mut Context,
    except: impl Fn(&Proof) -> Option<String>,
) -> Result<Principal, ApiError> {
    errors::require_trusted_origin(context)?;
    let principal = access::require_account_access(context).await?;
    let EmptyRequest {} = context.json_or_default().await?;
    sessions::revoke_sessions(principal.user.id.clone(), except(&principal.proof))
        .await
        .map_err(errors::accounts)?;
    // Sockets of the remaining session reconnect.
    close_sockets(context, principal.user.id.clone(), None).await;
    Ok(principal)
}

/// Succeeds for an unauthenticated request too.
pub(crate) async fn sign_out(context: &mut Context) -> Result<Response, ApiError> {
    errors::require_trusted_origin(context)?;
    let EmptyRequest {} = context.json_or_default().await?;
    let principal = access::try_authenticate(context).await?;
    let mut url = None;
    match principal {
        Ok(principal) => match principal.proof {
            Proof::Session(id) => revoke(context, principal.user.id, id).await?,
            Proof::Workos(id) | Proof::Clerk(id) => {
                url = access::sign_out_external_session(context).await?;
                let proof = format!("session:{id}");
                close_sockets(context, principal.user.id, Some(proof)).await;
            }
            Proof::ApiKey(_) => {
                return Err(ApiError::Forbidden(
                    "An API key has no session. Revoke the key instead.",
                ));
            }
        },
        Err(AuthError::Missing | AuthError::Invalid | AuthError::Expired) => {}
        Err(error @ AuthError::Unavailable(_)) => return Err(error_mapping::identity(error)),
    }
    cookies::clear_sessions(context);
    Ok(Response::json(&Success {
        success: true,
        message: None,
        redirect: url.is_some().then_some(true),
        url,
    }))
}
