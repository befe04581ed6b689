//! `POST /api/auth/sign-in/email` and `/anonymous`.

use access::cookies::{self, Lifetime};
use contracts::accounts::{sessions, types::SessionTokens};
use http_edge::{ApiError, Context, Response};
use serde::Deserialize;

use crate::{
    callback_url::CallbackUrl,
    errors::{self, INVALID_CALLBACK_URL},
    sign_up::begun,
    view::{SignedInView, UserView},
};

/// Where Better Auth's clients look for a token to keep, if they keep one.
const TOKEN_FIELD: &str = "set-auth-token";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignIn {
    email: String,
    password: String,
    #[serde(rename = "callbackURL")]
    callback_url: Option<String>,
    remember_me: Option<bool>,
}

#[derive(Default, Deserialize)]
struct Anything {}

pub(crate) async fn sign_in_by_email(context: &mut Context) -> Result<Response, ApiError> {
    errors::require_trusted_origin(context)?;
    let sign_in: SignIn = context.json_or_form().await?;
    let callback = own_callback(
        context,
        sign_in.callback_url.as_deref(),
        &INVALID_CALLBACK_URL,
    )?;
    access::admit_address(context).await?;
    access::admit_password(context, &sign_in.email).await?;
    let client = access::client(context);
    let tokens = sessions::sign_in(sign_in.email, sign_in.password, client)
        .await
        .map_err(errors::accounts)?;
    begin(context, &tokens, is_remembered(sign_in.remember_me));
    Ok(Response::json(&SignedInView {
        redirect: callback.is_some(),
        token: tokens.bearer_token.clone(),
        url: callback.map(|url| url.location()),
        user: UserView::from(&tokens.account),
    }))
}

pub(crate) async fn sign_in_anonymously(context: &mut Context) -> Result<Response, ApiError> {
    errors::require_trusted_origin(context)?;
    let Anything {} = context.json_or_default().await?;
    access::admit_address(context).await?;
    let tokens = sessions::create_guest(access::client(context))
        .await
        .map_err(errors::accounts)?;
    begin(
        context,
        &tokens,
        Lifetime::Seconds(cookies::SESSION_SECONDS),
    );
    Ok(Response::json(&begun(&tokens)))
}

/// Has the browser keep the session, and hands a token to clients that keep no cookies.
pub(crate) fn begin(context: &mut Context, tokens: &SessionTokens, keep: Lifetime) {
    context.log.user(&tokens.account.id);
    cookies::set_session(context, &tokens.cookie, keep);
    context.set_header(TOKEN_FIELD, tokens.bearer_token.clone());
}

pub(crate) fn is_remembered(remember_me: Option<bool>) -> Lifetime {
    if remember_me == Some(false) {
        Lifetime::BrowserSession
    } else {
        Lifetime::Seconds(cookies::SESSION_SECONDS)
    }
}

/// A URL to which the browser that makes this request may be sent on; else `refusal`.
pub(crate) fn own_callback(
    context: &Context,
    text: Option<&str>,
    refusal: &ApiError,
) -> Result<Option<CallbackUrl>, ApiError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    CallbackUrl::parse(text, |origin| context.is_own_site(origin))
        .map(Some)
        .ok_or_else(|| refusal.clone())
}
