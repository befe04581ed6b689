//! `user-data`.

use journal::{Spin, Store as _};

use serde_json::json;

use super::{Component, accounts, api_keys::key_view};
use crate::bindings::exports::goldfish::accounts::user_data::Guest;
use crate::types::Error;
use crate::{api_keys, registration, sessions};

impl Guest for Component {
    async fn erase(user: String) -> Result<(), String> {
        let accounts = accounts().await.map_err(cause)?;
        let erased = registration::delete_account(&accounts, &user).await;
        erased.map_err(cause)
    }

    async fn export(user: String) -> Result<String, String> {
        let accounts = accounts().await.map_err(cause)?;
        let account = match registration::get_account(&accounts, &user).await {
            Ok(account) => Some(account),
            Err(Error::NotFound) => None,
            Err(error) => return Err(cause(error)),
        };
        let sessions = sessions::list_sessions(&accounts, &user).await;
        let keys = api_keys::list(&accounts, &user).await;
        let account = account.map(|account| {
            let identities = account.identities.iter();
            let identities =
                identities.map(|one| json!({ "provider": one.provider, "subject": one.subject }));
            json!({
                "email": account.email,
                "emailVerified": account.email_verified,
                "name": account.name,
                "image": account.image,
                "identities": identities.collect::<Vec<_>>(),
                "createdAt": account.created_at,
                "updatedAt": account.updated_at,
            })
        });
        let sessions = sessions.map_err(cause)?.into_iter().map(|session| {
            json!({
                "id": session.id,
                "createdAt": session.created_at,
                "updatedAt": session.updated_at,
                "expiresAt": session.expires_at,
                "address": session.client.address,
                "userAgent": session.client.user_agent,
            })
        });
        let keys = keys.map_err(cause)?.into_iter().map(key_view).map(|key| {
            json!({
                "id": key.id,
                "name": key.name,
                "prefix": key.prefix,
                "active": key.active,
                "createdAt": key.created_at,
                "lastUsedAt": key.last_used_at,
                "expiresAt": key.expires_at,
            })
        });
        let exported = json!({
            "account": account,
            "sessions": sessions.collect::<Vec<_>>(),
            "apiKeys": keys.collect::<Vec<_>>(),
        });
        Ok(exported.to_string())
    }

    async fn check() -> Result<(), String> {
        let store = Spin::open_default().await;
        let store = store.map_err(|error| error.to_string())?;
        let value = store.get("accounts:check").await;
        value.map(drop).map_err(|error| error.to_string())
    }
}

fn cause(error: Error) -> String {
    match error {
        Error::Unavailable(cause) | Error::Misconfigured(cause) => cause,
        other => format!("{other:?}"),
    }
}
