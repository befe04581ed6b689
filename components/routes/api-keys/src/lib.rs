//! `/api-keys`: keys with which machines come in.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

mod view;

use contracts::{
    accounts::api_keys::{self, KeyRequest, Owner, Scope},
    identity::types::{User, UserKind},
};
use http_edge::{ApiError, Context, Response};
use serde::{Deserialize, Serialize};

use view::{Created, KeyView, Revoked};

http_edge::routes! {
    POST "/api-keys/create" => create_key,
    GET "/api-keys/list" => list_keys,
    POST "/api-keys/revoke/:keyId" => revoke_key,
}

/// What a new key is to be. What is left out does not bound it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Create {
    name: String,
    /// Milliseconds since the epoch.
    expires_at: Option<u64>,
    /// Left out: all but `admin`.
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
struct Nothing {}

async fn create_key(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::account_holder(context).await?.user;
    let create: Create = context.json().await?;
    let (key, secret) = api_keys::create_key(owner(user), create.into())
        .await
        .map_err(error_mapping::accounts)?;
    Ok(Response::json(&Created::new(&secret, &key)).status(201))
}

async fn list_keys(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::account_holder(context).await?.user;
    let keys = api_keys::list_keys(user.id)
        .await
        .map_err(error_mapping::accounts)?;
    Ok(Response::json(
        &keys.iter().map(KeyView::from).collect::<Vec<_>>(),
    ))
}

async fn revoke_key(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::account_holder(context).await?.user;
    let id = context.uuid("keyId", error_mapping::API_KEY)?;
    let Nothing {} = context.json_or_default().await?;
    api_keys::revoke_key(user.id, id)
        .await
        .map_err(error_mapping::api_keys)?;
    Ok(Response::json(&Revoked::DONE))
}

/// What the key will say of its owner.
fn owner(user: User) -> Owner {
    Owner {
        guest: user.kind == UserKind::Guest,
        external: user.kind == UserKind::External,
        id: user.id,
        email: user.email,
        name: user.name,
    }
}

impl From<Create> for KeyRequest {
    fn from(create: Create) -> Self {
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
    fn scopes_count_once_and_none_is_the_default() {
        let request = |scopes| {
            KeyRequest::from(Create {
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
