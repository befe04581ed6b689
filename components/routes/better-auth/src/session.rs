//! Sessions: the present one, all of them, and their end.

use access::cookies;
use contracts::{
    accounts::{registration, sessions, types::Error},
    identity::types::{AuthError, Principal, Proof},
    quota::limits::Action,
};
use futures::join;
use http_edge::{ApiError, Context, Response, parse_uuid};
use serde::Deserialize;

use crate::{
    errors,
    sign_up::now,
    view::{Current, SessionView, Status, Success, UserView},
};

#[derive(Deserialize)]
struct Named {
    token: String,
}

#[derive(Default, Deserialize)]
struct Anything {}

/// `null` for whoever is not signed in, which is no error.
pub(crate) async fn show_session(context: &mut Context) -> Result<Response, ApiError> {
    const NOBODY: Option<Current> = None;
    let principal = match access::try_authenticate(context).await? {
        Ok(principal) => principal,
        Err(AuthError::Missing) => return Ok(Response::json(&NOBODY)),
        Err(AuthError::Invalid | AuthError::Expired) => {
            access::forget_refused(context);
            return Ok(Response::json(&NOBODY));
        }
        Err(error @ AuthError::Unavailable(_)) => return Err(error_mapping::identity(error)),
    };
    access::admit(context, Action::Api, &principal.user.id).await?;
    Ok(Response::json(&current(&principal).await?))
}

/// None for an API key, which is no session.
async fn current(principal: &Principal) -> Result<Option<Current>, ApiError> {
    let (Proof::Session(id) | Proof::Workos(id) | Proof::Clerk(id)) = &principal.proof else {
        return Ok(None);
    };
    let user_id = &principal.user.id;
    let (account, session) = join!(
        registration::get_account(user_id.clone()),
        sessions::get_session(user_id.clone(), id.clone()),
    );
    let now = now();
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
    Ok(Some(Current { session, user }))
}

pub(crate) async fn list_sessions(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::account_holder(context).await?.user;
    let found = sessions::list_sessions(user.id.clone())
        .await
        .map_err(errors::accounts)?;
    let views: Vec<_> = found
        .iter()
        .map(|session| SessionView::new(session, &user.id))
        .collect();
    Ok(Response::json(&views))
}

/// Answers the same for a session that is somebody else's or nobody's.
pub(crate) async fn revoke_session(context: &mut Context) -> Result<Response, ApiError> {
    errors::require_own_site(context)?;
    let principal = access::account_holder(context).await?;
    let Named { token } = context.json().await?;
    if let Some(id) = parse_uuid(&token) {
        if matches!(&principal.proof, Proof::Session(own) if *own == id) {
            cookies::forget_sessions(context);
        }
        revoke(principal.user.id, id).await?;
    }
    Ok(Response::json(&Status::DONE))
}

async fn revoke(user: String, id: String) -> Result<(), ApiError> {
    match sessions::revoke_session(user, id).await {
        Ok(()) | Err(Error::NotFound) => Ok(()),
        Err(other) => Err(errors::accounts(other)),
    }
}

pub(crate) async fn revoke_sessions(context: &mut Context) -> Result<Response, ApiError> {
    let principal = revoke_but(context, |_| None).await?;
    if let Proof::Session(_) = principal.proof {
        cookies::forget_sessions(context);
    }
    Ok(Response::json(&Status::DONE))
}

pub(crate) async fn revoke_other_sessions(context: &mut Context) -> Result<Response, ApiError> {
    revoke_but(context, |proof| match proof {
        Proof::Session(own) => Some(own.clone()),
        _ => None,
    })
    .await?;
    Ok(Response::json(&Status::DONE))
}

async fn revoke_but(
    context: &mut Context,
    except: impl Fn(&Proof) -> Option<String>,
) -> Result<Principal, ApiError> {
    errors::require_own_site(context)?;
    let principal = access::account_holder(context).await?;
    let Anything {} = context.json_or_default().await?;
    sessions::revoke_sessions(principal.user.id.clone(), except(&principal.proof))
        .await
        .map_err(errors::accounts)?;
    Ok(principal)
}

/// Whoever is not signed in is signed out.
pub(crate) async fn sign_out(context: &mut Context) -> Result<Response, ApiError> {
    errors::require_own_site(context)?;
    let Anything {} = context.json_or_default().await?;
    let found = access::try_authenticate(context).await?;
    let mut url = None;
    match found {
        Ok(principal) => match principal.proof {
            Proof::Session(id) => revoke(principal.user.id, id).await?,
            Proof::Workos(_) | Proof::Clerk(_) => {
                url = access::sign_out_externally(context).await?;
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
    cookies::forget_sessions(context);
    Ok(Response::json(&Success {
        success: true,
        message: None,
        redirect: url.is_some().then_some(true),
        url,
    }))
}
