//! Deleting a user.

use account_flows::Confirmation;
use contracts::{
    accounts::{registration, types::Error as AccountError},
    messaging::{
        profiles::{self, Deletion, MessagesOfDeleted},
        types::Error,
    },
};
use http_edge::{ApiError, Context, Response};
use serde::Deserialize;

use crate::{requests::DeleteUser, view::DeletedView};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    #[serde(default)]
    messages: Messages,
}

/// How the user's messages are handled.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Messages {
    #[default]
    Keep,
    Delete,
}

/// Deletes the caller's account with everything that belongs to it. The operator may delete any account.
pub(crate) async fn delete_user(context: &mut Context) -> Result<Response, ApiError> {
    if team::is_operator(context).await? {
        return delete_by_operator(context).await;
    }
    let principal = access::require_account_access(context).await?;
    let id = team::user_id(context, "id")?;
    if id != principal.user.id {
        return Err(refuse(id).await);
    }
    let Query { messages } = context.query()?;
    let DeleteUser { password } = context.json_or_default().await?;
    match account_flows::confirm_deletion(context, &principal, password).await? {
        Confirmation::Confirmed => {}
        Confirmation::WrongPassword => return Err(ApiError::Forbidden("Wrong password.")),
        Confirmation::SessionTooOld => {
            return Err(ApiError::Forbidden(
                "To delete the account, send the password or sign in again.",
            ));
        }
    }
    let deletion = delete_profile(id, messages).await?;
    account_flows::erase_own_account(context, &principal).await?;
    team::delete_detached_files(context).await;
    Ok(respond_with(deletion))
}

async fn delete_by_operator(context: &mut Context) -> Result<Response, ApiError> {
    let id = team::user_id(context, "id")?;
    let Query { messages } = context.query()?;
    let DeleteUser { .. } = context.json_or_default().await?;
    if let Err(error) = profiles::get(id.clone()).await {
        // After an interrupted request only the profile is deleted.
        match (error, registration::get_account(id.clone()).await) {
            (Error::NotFound(_), Ok(_)) => {}
            (Error::NotFound(_), Err(AccountError::NotFound)) => {
                return Err(ApiError::NotFound("User"));
            }
            (Error::NotFound(_), Err(other)) => return Err(error_mapping::accounts(other)),
            (other, _) => return Err(error_mapping::messaging(other)),
        }
    }
    context.log.user(&id);
    let deletion = delete_profile(id.clone(), messages).await?;
    account_flows::erase_user(&id).await?;
    team::delete_detached_files(context).await;
    Ok(respond_with(deletion))
}

async fn delete_profile(id: String, messages: Messages) -> Result<Deletion, ApiError> {
    let messages = match messages {
        Messages::Keep => MessagesOfDeleted::Keep,
        Messages::Delete => MessagesOfDeleted::Delete,
    };
    profiles::delete(id, messages)
        .await
        .map_err(error_mapping::messaging)
}

/// The error of a request to delete another user.
async fn refuse(id: String) -> ApiError {
    match profiles::get(id).await {
        Ok(_) => ApiError::Forbidden("You can delete only your own account."),
        Err(error) => error_mapping::messaging(error),
    }
}

fn respond_with(deletion: Deletion) -> Response {
    Response::json(&DeletedView {
        message: "User deleted",
        channels_passed_on: deletion.channels_passed_on,
        channels_deleted: deletion.channels_deleted,
        messages_deleted: deletion.messages_deleted,
    })
}
