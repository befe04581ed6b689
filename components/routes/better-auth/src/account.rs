//! One's own account: changing it, ending it.

use account_steps::Consent;
use contracts::accounts::registration;
use http_edge::{ApiError, Context, Reply};
use serde::{Deserialize, Deserializer, de::IgnoredAny};

use crate::{
    errors::{self, EMAIL_CAN_NOT_BE_UPDATED, INVALID_PASSWORD, SESSION_EXPIRED},
    view::{Status, Success},
};

#[derive(Deserialize)]
struct UpdateUser {
    name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    image: Option<Option<String>>,
    email: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
struct DeleteUser {
    password: Option<String>,
}

/// Tells null from nothing.
fn given<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(value).map(Some)
}

pub(crate) async fn update_user(context: &mut Context) -> Result<Reply, ApiError> {
    errors::require_own_site(context)?;
    let user = access::account_holder(context).await?.user;
    let update: UpdateUser = context.json().await?;
    if update.email.is_some() {
        return Err(EMAIL_CAN_NOT_BE_UPDATED);
    }
    if update.name.is_none() && update.image.is_none() {
        return Err(ApiError::invalid("body", "has no fields to update"));
    }
    registration::update_account(user.id, update.name, update.image.flatten())
        .await
        .map_err(errors::accounts)?;
    Ok(Reply::json(&Status::DONE))
}

pub(crate) async fn delete_user(context: &mut Context) -> Result<Reply, ApiError> {
    errors::require_own_site(context)?;
    let principal = access::account_holder(context).await?;
    let request: DeleteUser = context.json_or_default().await?;
    match account_steps::withdraw(context, &principal, request.password).await? {
        Consent::Given => Ok(Reply::json(&Success {
            success: true,
            message: Some("User deleted"),
            url: None,
            redirect: None,
        })),
        Consent::WrongPassword => Err(INVALID_PASSWORD),
        Consent::Stale => Err(SESSION_EXPIRED),
    }
}
