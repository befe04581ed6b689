//! One's own account: changing it, ending it.

use account_steps::Consent;
use contracts::accounts::registration::{self, Change};
use http_edge::{ApiError, Context, Response};
use serde::{Deserialize, Deserializer, de::IgnoredAny};

use crate::{
    errors::{self, EMAIL_CAN_NOT_BE_UPDATED, INVALID_PASSWORD, SESSION_EXPIRED},
    view::{Status, Success},
};

#[derive(Deserialize)]
struct UpdateUser {
    #[serde(default, deserialize_with = "given")]
    name: Option<Change>,
    #[serde(default, deserialize_with = "given")]
    image: Option<Change>,
    email: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
struct DeleteUser {
    password: Option<String>,
}

/// Null clears what nothing leaves as it is.
fn given<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Change>, D::Error> {
    let text = Option::deserialize(value)?;
    Ok(Some(text.map_or(Change::Clear, Change::Set)))
}

pub(crate) async fn update_user(context: &mut Context) -> Result<Response, ApiError> {
    errors::require_own_site(context)?;
    let user = access::account_holder(context).await?.user;
    let update: UpdateUser = context.json().await?;
    if update.email.is_some() {
        return Err(EMAIL_CAN_NOT_BE_UPDATED);
    }
    if update.name.is_none() && update.image.is_none() {
        return Err(ApiError::invalid("body", "has no fields to update"));
    }
    let [name, image] = [update.name, update.image].map(|change| change.unwrap_or(Change::Keep));
    registration::update_account(user.id, name, image)
        .await
        .map_err(errors::accounts)?;
    Ok(Response::json(&Status::DONE))
}

pub(crate) async fn delete_user(context: &mut Context) -> Result<Response, ApiError> {
    errors::require_own_site(context)?;
    let principal = access::account_holder(context).await?;
    let request: DeleteUser = context.json_or_default().await?;
    match account_steps::withdraw(context, &principal, request.password).await? {
        Consent::Given => Ok(Response::json(&Success {
            success: true,
            message: Some("User deleted"),
            url: None,
            redirect: None,
        })),
        Consent::WrongPassword => Err(INVALID_PASSWORD),
        Consent::Stale => Err(SESSION_EXPIRED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_told_from_nothing() {
        let update: UpdateUser = serde_json::from_str(r#"{"image":null}"#).unwrap();
        assert!(update.name.is_none());
        assert!(matches!(update.image, Some(Change::Clear)));
        let update: UpdateUser = serde_json::from_str(r#"{"name":"Ada"}"#).unwrap();
        assert!(matches!(update.name, Some(Change::Set(name)) if name == "Ada"));
        assert!(update.image.is_none());
        assert!(serde_json::from_str::<UpdateUser>(r#"{"image":1}"#).is_err());
    }
}
