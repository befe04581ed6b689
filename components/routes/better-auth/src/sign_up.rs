//! `POST /api/auth/sign-up/email`.

use contracts::accounts::registration::RegistrationRequest;
use http_edge::{ApiError, Context, Response, rfc3339};
use serde::Deserialize;
use unix_time::now_ms;
use uuid::Uuid;

use crate::{
    callback_url::email_link_url,
    errors::{self, INVALID_CALLBACK_URL},
    session_start::{lifetime, start_session, token_and_user},
    view::{TokenAndUser, UserView},
};

/// Unknown fields are ignored in all requests of this route: frontends add some for their plugins.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignUp {
    name: Option<String>,
    email: String,
    password: String,
    image: Option<String>,
    #[serde(rename = "callbackURL")]
    callback_url: Option<String>,
    remember_me: Option<bool>,
}

pub(crate) async fn sign_up_by_email(context: &mut Context) -> Result<Response, ApiError> {
    errors::require_trusted_origin(context)?;
    let sign_up: SignUp = context.json_or_form().await?;
    let callback = email_link_url(
        context,
        sign_up.callback_url.as_deref(),
        &INVALID_CALLBACK_URL,
    )?;
    errors::require_length(&sign_up.password)?;
    access::admit_address(context).await?;
    let placeholder = placeholder_user(&sign_up);
    let request = RegistrationRequest {
        email: sign_up.email,
        password: sign_up.password,
        name: sign_up.name,
        image: sign_up.image,
    };
    let tokens = account_flows::register(context, request, callback.as_deref())
        .await?
        .map_err(errors::accounts)?;
    Ok(match tokens {
        Some(tokens) => {
            start_session(context, &tokens, lifetime(sign_up.remember_me)).await;
            Response::json(&token_and_user(&tokens))
        }
        None => Response::json(&TokenAndUser {
            token: None,
            user: placeholder,
        }),
    })
}

/// The user of the response when the address must be confirmed first. The same whether or not the
/// address was taken.
fn placeholder_user(sign_up: &SignUp) -> UserView {
    let now = rfc3339(now_ms());
    UserView {
        id: format!("user_{}", Uuid::new_v4()),
        email: sign_up.email.trim().to_owned(),
        name: sign_up.name.clone().unwrap_or_default(),
        image: sign_up.image.clone(),
        email_verified: false,
        created_at: now.clone(),
        updated_at: now,
        is_anonymous: false,
    }
}
