//! `/api/v1/auth`: signs guests in, renews sessions, tells who one is.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

mod view;

use std::time::{SystemTime, UNIX_EPOCH};

use contracts::{
    identity::{sessions, types::Session},
    quota::limits::Action,
};
use http_edge::{ApiError, Context, Reply};
use serde::Deserialize;

use view::{SessionView, UserAnswer, UserView};

http_edge::routes! {
    POST "/api/v1/auth/guest" => create_guest,
    POST "/api/v1/auth/refresh" => refresh_session,
    GET "/api/v1/auth/me" => show_user,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Refresh {
    refresh_token: String,
}

async fn create_guest(context: &mut Context) -> Result<Reply, ApiError> {
    access::require_own_site(context)?;
    let Nothing {} = context.json_or_default().await?;
    admit_address(context).await?;
    let session = sessions::create_guest().await.map_err(failures::identity)?;
    Ok(signed_in(context, &session).status(201))
}

async fn refresh_session(context: &mut Context) -> Result<Reply, ApiError> {
    access::require_own_site(context)?;
    let refresh: Refresh = context.json().await?;
    admit_address(context).await?;
    let session = sessions::refresh(refresh.refresh_token)
        .await
        .map_err(failures::identity)?;
    Ok(signed_in(context, &session))
}

async fn show_user(context: &mut Context) -> Result<Reply, ApiError> {
    let user = access::signed_in(context).await?;
    Ok(Reply::json(&UserAnswer {
        user: UserView::from(&user),
    }))
}

/// Before there is a user, the address is what counts.
async fn admit_address(context: &mut Context) -> Result<(), ApiError> {
    let address = access::client_address(context);
    access::admit(context, Action::Auth, &address).await
}

fn signed_in(context: &mut Context, session: &Session) -> Reply {
    context.log.user(&session.user.id);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    Reply::json(&SessionView::from(session)).header(
        "set-cookie",
        cookie(session, now, access::is_https(context)),
    )
}

/// For browsers, which then need not handle the token (RFC 6265). `Lax`: foreign sites' forms and
/// scripts do not send it along.
fn cookie(session: &Session, now: u64, https: bool) -> String {
    let seconds = session.expires_at.saturating_sub(now) / 1000;
    format!(
        "{}={}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{}",
        access::SESSION_COOKIE,
        session.access_token,
        if https { "; Secure" } else { "" }
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::identity::types::{User, UserKind};

    #[test]
    fn cookie_lives_as_long_as_the_token() {
        let session = Session {
            user: User {
                id: "guest_1".into(),
                kind: UserKind::Guest,
                email: None,
                name: None,
            },
            access_token: "a.b.c".into(),
            refresh_token: "r".into(),
            expires_at: 91_000,
        };
        assert_eq!(
            cookie(&session, 1_000, false),
            "goldfish-session=a.b.c; Path=/; Max-Age=90; HttpOnly; SameSite=Lax"
        );
        assert!(cookie(&session, 100_000, true).contains("Max-Age=0;"));
        assert!(cookie(&session, 0, true).ends_with("; Secure"));
    }
}
