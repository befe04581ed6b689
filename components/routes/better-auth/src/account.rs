//! Updating and deleting the current account.

use account_flows::Confirmation;
use contracts::accounts::registration::{self, FieldUpdate};
use http_edge::{ApiError, Context, Response};
use serde::{Deserialize, Deserializer, de::IgnoredAny};

use crate::{
    errors::{self, EMAIL_CAN_NOT_BE_UPDATED, INVALID_PASSWORD, SESSION_EXPIRED},
    view::{Status, Success},
};

#[derive(Deserialize)]
struct UpdateUser {
    #[serde(default, deserialize_with = "nullable")]
    name: Option<FieldUpdate>,
    #[serde(default, deserialize_with = "nullable")]
    image: Option<FieldUpdate>,
    email: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
struct DeleteUser {
    password: Option<String>,
}

/// `null` clears a field. An absent field is kept.
fn nullable<'de, D: Deserializer<'de>>(value: D) -> Result<Option<FieldUpdate>, D::Error> {
    let text = Option::deserialize(value)?;
    Ok(Some(text.map_or(FieldUpdate::Clear, FieldUpdate::Set)))
}

pub(crate) async fn update_user(context: &mut Context) -> Result<Response, ApiError> {
    errors::require_trusted_origin(context)?;
    let user = access::require_account_access(context).await?.user;
    let update: UpdateUser = context.json().await?;
    if update.email.is_some() {
        return Err(EMAIL_CAN_NOT_BE_UPDATED);
    }
    if update.name.is_none() && update.image.is_none() {
        return Err(ApiError::invalid("body", "has no fields to update"));
    }
    let [name, image] =
        [update.name, update.image].map(|update| update.unwrap_or(FieldUpdate::Keep));
    let account = registration::update_account(user.id, name, image)
        .await
        .map_err(errors::accounts)?;
    account_flows::update_profile(&account).await?;
    Ok(Response::json(&Status::DONE))
}

pub(crate) async fn delete_user(context: &mut Context) -> Result<Response, ApiError> {
    errors::require_trusted_origin(context)?;
    let principal = access::require_account_access(context).await?;
    let request: DeleteUser = context.json_or_default().await?;
    match account_flows::delete_own_account(context, &principal, request.password).await? {
        Confirmation::Confirmed => Ok(Response::json(&Success {
            success: true,
            message: Some("User deleted"),
            url: None,
            redirect: None,
        })),
        Confirmation::WrongPassword => Err(INVALID_PASSWORD),
        Confirmation::SessionTooOld => Err(SESSION_EXPIRED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn update_user_with_null_clears_field() {
        let update: UpdateUser = serde_json::from_str(r#"{"image":null}"#).unwrap();
        assert!(update.name.is_none());
        assert!(matches!(update.image, Some(FieldUpdate::Clear)));
        let update: UpdateUser = serde_json::from_str(r#"{"name":"Ada"}"#).unwrap();
        assert!(matches!(update.name, Some(FieldUpdate::Set(name)) if name == "Ada"));
        assert!(update.image.is_none());
        assert!(serde_json::from_str::<UpdateUser>(r#"{"image":1}"#).is_err());
    }
}
