//! `/api-keys`: creating, listing and revoking API keys.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "native builds contain only the logic, for its unit tests"
    )
)]

mod view;

use contracts::{
    accounts::api_keys::{self, ApiKeyOwner, ApiKeyRequest, Scope},
    identity::types::{User, UserKind},
};
use http_edge::{ApiError, Context, Response};
use serde::{Deserialize, Serialize};

use view::{CreatedView, KeyView, RevokedView};

http_edge::routes! {
    POST "/api-keys/create" => create_key,
    GET "/api-keys/list" => list_keys,
    POST "/api-keys/revoke/:keyId" => revoke_key,
}

/// The properties of a new key. An omitted limit means no limit.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateKey {
    name: String,
    /// Milliseconds since the epoch.
    expires_at: Option<u64>,
    /// Omitted: all but `admin`.
    #[serde(default)]
    scopes: Vec<ScopeName>,
    chat_per_minute: Option<u32>,
    request_budget: Option<u64>,
    token_budget: Option<u64>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum ScopeName {
    Read,
    Chat,
    Write,
    Admin,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct EmptyRequest {}

async fn create_key(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::require_account_access(context).await?.user;
    let create: CreateKey = context.json().await?;
    let (key, secret) = api_keys::create_key(owner(user), create.into())
        .await
        .map_err(error_mapping::accounts)?;
    Ok(Response::json(&CreatedView::new(&secret, &key)).status(201))
}

async fn list_keys(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::require_account_access(context).await?.user;
    let keys = api_keys::list_keys(user.id)
        .await
        .map_err(error_mapping::accounts)?;
    Ok(Response::json(
        &keys.iter().map(KeyView::from).collect::<Vec<_>>(),
    ))
}

async fn revoke_key(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::require_account_access(context).await?.user;
    let id = context.uuid("keyId", error_mapping::API_KEY)?;
    let EmptyRequest {} = context.json_or_default().await?;
    api_keys::revoke_key(user.id.clone(), id.clone())
        .await
        .map_err(error_mapping::api_keys)?;
    realtime_events::close_sockets(context, user.id, Some(format!("key:{id}"))).await;
    Ok(Response::json(&RevokedView::SUCCESS))
}

/// The user that the key authenticates.
fn owner(user: User) -> ApiKeyOwner {
    ApiKeyOwner {
        guest: user.kind == UserKind::Guest,
        external: user.kind == UserKind::External,
        id: user.id,
        email: user.email,
        name: user.name,
    }
}

impl From<CreateKey> for ApiKeyRequest {
    fn from(create: CreateKey) -> Self {
        let mut scopes: Vec<Scope> = Vec::new();
        for scope in create.scopes.into_iter().map(Scope::from) {
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        Self {
            name: create.name,
            expires_at: create.expires_at,
            scopes,
            chat_per_minute: create.chat_per_minute,
            request_budget: create.request_budget,
            token_budget: create.token_budget,
        }
    }
}

impl From<ScopeName> for Scope {
    fn from(name: ScopeName) -> Self {
        match name {
            ScopeName::Read => Self::Read,
            ScopeName::Chat => Self::Chat,
            ScopeName::Write => Self::Write,
            ScopeName::Admin => Self::Admin,
        }
    }
}

impl From<Scope> for ScopeName {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Read => Self::Read,
            Scope::Chat => Self::Chat,
            Scope::Write => Self::Write,
            Scope::Admin => Self::Admin,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_key_request_with_repeated_scopes_has_each_once() {
        let request = |scopes| {
            ApiKeyRequest::from(CreateKey {
                name: "a".into(),
                expires_at: None,
                scopes,
                chat_per_minute: None,
                request_budget: None,
                token_budget: None,
            })
        };
        let twice = vec![ScopeName::Chat, ScopeName::Read, ScopeName::Chat];
        assert_eq!(request(twice).scopes, [Scope::Chat, Scope::Read]);
        assert!(request(vec![]).scopes.is_empty());
    }
}
