//! `POST /api/auth/sign-up/email`.

use std::time::{SystemTime, UNIX_EPOCH};

use contracts::accounts::{registration::RegistrationRequest, types::SessionTokens};
use http_edge::{ApiError, Context, Response, rfc3339};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    errors::{self, INVALID_CALLBACK_URL},
    sign_in::{begin, is_remembered},
    verification::mailed_callback,
    view::{TokenAndUser, UserView},
};

/// Fields that a frontend adds for its own plugins are let be, here and in what follows.
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
    let callback = mailed_callback(
        context,
        sign_up.callback_url.as_deref(),
        &INVALID_CALLBACK_URL,
    )?;
    errors::require_length(&sign_up.password)?;
    access::admit_address(context).await?;
    let stranger = stranger(&sign_up);
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
            begin(context, &tokens, is_remembered(sign_up.remember_me));
            Response::json(&begun(&tokens))
        }
        None => Response::json(&TokenAndUser {
            token: None,
            user: stranger,
        }),
    })
}

pub(crate) fn begun(tokens: &SessionTokens) -> TokenAndUser {
    TokenAndUser {
        token: Some(tokens.bearer_token.clone()),
        user: UserView::from(&tokens.account),
    }
}

/// What is answered where the address has to be confirmed first, whether it was free or not: nobody
/// in particular.
fn stranger(sign_up: &SignUp) -> UserView {
    let now = rfc3339(now());
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

/// Milliseconds since the epoch.
pub(crate) fn now() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
