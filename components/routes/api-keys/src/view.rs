//! Response bodies.

use contracts::accounts::api_keys::ApiKey;
use http_edge::rfc3339;
use serde::Serialize;

use crate::ScopeName;

/// A new key. No other response contains the secret.
#[derive(Serialize)]
pub(crate) struct CreatedView<'a> {
    key: &'a str,
    message: &'static str,
    #[serde(flatten)]
    view: KeyView<'a>,
}

impl<'a> CreatedView<'a> {
    pub(crate) fn new(secret: &'a str, key: &'a ApiKey) -> Self {
        Self {
            key: secret,
            message: "API key created successfully. Save this key as it won't be shown again.",
            view: KeyView::from(key),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct RevokedView {
    message: &'static str,
}

impl RevokedView {
    pub(crate) const SUCCESS: Self = Self {
        message: "API key revoked successfully",
    };
}

/// Times are in milliseconds since the epoch, except `created_at`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyView<'a> {
    id: &'a str,
    name: &'a str,
    active: bool,
    /// RFC 3339.
    #[serde(rename = "created_at")]
    created_at_text: String,
    created_at: u64,
    prefix: &'a str,
    scopes: Vec<ScopeName>,
    last_used_at: Option<u64>,
    expires_at: Option<u64>,
    chat_per_minute: Option<u32>,
    request_budget: Option<u64>,
    token_budget: Option<u64>,
}

impl<'a> From<&'a ApiKey> for KeyView<'a> {
    fn from(key: &'a ApiKey) -> Self {
        Self {
            id: &key.id,
            name: &key.name,
            active: key.active,
            created_at_text: rfc3339(key.created_at),
            created_at: key.created_at,
            prefix: &key.prefix,
            scopes: key.scopes.iter().copied().map(ScopeName::from).collect(),
            last_used_at: key.last_used_at,
            expires_at: key.expires_at,
            chat_per_minute: key.chat_per_minute,
            request_budget: key.request_budget,
            token_budget: key.token_budget,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::accounts::api_keys::Scope;

    #[test]
    fn created_view_has_documented_fields() {
        let key = ApiKey {
            id: "k".into(),
            name: "CI".into(),
            prefix: "gf_abc".into(),
            scopes: vec![Scope::Read, Scope::Chat],
            active: true,
            created_at: 1_771_581_600_000,
            last_used_at: None,
            expires_at: Some(7),
            chat_per_minute: None,
            request_budget: Some(3),
            token_budget: None,
        };
        assert_eq!(
            serde_json::to_value(CreatedView::new("gf_secret", &key)).unwrap(),
            serde_json::json!({
                "key": "gf_secret",
                "message":
                    "API key created successfully. Save this key as it won't be shown again.",
                "id": "k", "name": "CI", "active": true, "prefix": "gf_abc",
                "created_at": "2026-02-20T10:00:00.000Z", "createdAt": 1_771_581_600_000_u64,
                "scopes": ["read", "chat"], "lastUsedAt": null, "expiresAt": 7,
                "chatPerMinute": null, "requestBudget": 3, "tokenBudget": null,
            })
        );
    }
}
