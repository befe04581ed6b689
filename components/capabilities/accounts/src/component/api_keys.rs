//! The interface `api-keys`.

use credentials::records;

use super::{Component, accounts};
use crate::api_keys::{self, ListedKey, NewApiKey};
use crate::bindings::exports::goldfish::accounts::api_keys::{
    ApiKey, ApiKeyOwner, ApiKeyRequest, Guest, Scope,
};
use crate::types::Error;

impl Guest for Component {
    async fn create_key(
        owner: ApiKeyOwner,
        request: ApiKeyRequest,
    ) -> Result<(ApiKey, String), Error> {
        let owner = api_keys::owner(
            owner.id,
            owner.guest,
            owner.external,
            owner.email,
            owner.name,
        );
        let request = NewApiKey {
            name: request.name,
            expires: request.expires_at,
            scopes: request.scopes.into_iter().map(stored_scope).collect(),
            chat_per_minute: request.chat_per_minute,
            request_budget: request.request_budget,
            token_budget: request.token_budget,
        };
        let (listed, secret) = api_keys::create(&accounts().await?, &owner, request).await?;
        Ok((key_view(listed), secret))
    }

    async fn list_keys(user: String) -> Result<Vec<ApiKey>, Error> {
        let listed = api_keys::list(&accounts().await?, &user).await?;
        Ok(listed.into_iter().map(key_view).collect())
    }

    async fn revoke_key(user: String, id: String) -> Result<(), Error> {
        api_keys::revoke(&accounts().await?, &user, &id).await
    }

    async fn revoke_keys(user: String) -> Result<u32, Error> {
        api_keys::revoke_all(&accounts().await?, &user).await
    }
}

pub(super) fn key_view(listed: ListedKey) -> ApiKey {
    let key = listed.key;
    ApiKey {
        id: key.id,
        name: key.name,
        prefix: key.prefix,
        scopes: key.scopes.into_iter().map(scope_view).collect(),
        active: listed.active,
        created_at: key.created,
        last_used_at: listed.last_used,
        expires_at: key.expires,
        chat_per_minute: key.chat_per_minute,
        request_budget: key.request_budget,
        token_budget: key.token_budget,
    }
}

fn stored_scope(scope: Scope) -> records::Scope {
    match scope {
        Scope::Read => records::Scope::Read,
        Scope::Chat => records::Scope::Chat,
        Scope::Write => records::Scope::Write,
        Scope::Admin => records::Scope::Admin,
    }
}

fn scope_view(scope: records::Scope) -> Scope {
    match scope {
        records::Scope::Read => Scope::Read,
        records::Scope::Chat => Scope::Chat,
        records::Scope::Write => Scope::Write,
        records::Scope::Admin => Scope::Admin,
    }
}
