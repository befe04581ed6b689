//! `POST /api/auth/sign-in/email` and `/anonymous`.

use access::cookies::{self, Lifetime};
use contracts::accounts::sessions;
use http_edge::{ApiError, Context, Response};
use serde::Deserialize;

use crate::{
    callback_url::redirect_url,
    errors::{self, INVALID_CALLBACK_URL},
    session_start::{lifetime, start_session, token_and_user},
    view::{SignedInView, UserView},
};

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
struct EmptyRequest {}

pub(crate) async fn sign_in_by_email(context: &mut Context) -> Result<Response, ApiError> {
    errors::require_trusted_origin(context)?;
    let sign_in: SignIn = context.json_or_form().await?;
    let callback = redirect_url(
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
    start_session(context, &tokens, lifetime(sign_in.remember_me)).await;
    Ok(Response::json(&SignedInView {
        redirect: callback.is_some(),
        token: tokens.bearer_token.clone(),
        url: callback.map(|url| url.location()),
        user: UserView::from(&tokens.account),
    }))
}

pub(crate) async fn sign_in_anonymously(context: &mut Context) -> Result<Response, ApiError> {
    errors::require_trusted_origin(context)?;
    let EmptyRequest {} = context.json_or_default().await?;
    access::admit_address(context).await?;
    let tokens = sessions::create_guest(access::client(context))
        .await
        .map_err(errors::accounts)?;
    start_session(
        context,
        &tokens,
        Lifetime::Seconds(cookies::SESSION_SECONDS),
    )
    .await;
    Ok(Response::json(&token_and_user(&tokens)))
}
