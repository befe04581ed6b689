//! Response bodies. Times are in milliseconds since the epoch.

use contracts::{
    accounts::{
        directory::{KeyCounts, Statistics},
        types::{Account, AccountKind},
    },
    quota::credits::Balance,
};
use serde::Serialize;
use uuid::Uuid;

#[derive(Serialize)]
pub(crate) struct Done {
    pub(crate) success: bool,
}

#[derive(Serialize)]
pub(crate) struct Revoked {
    /// Number of sessions or keys.
    pub(crate) revoked: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserPage<'a> {
    users: Vec<AccountView<'a>>,
    /// Null at the end.
    next_cursor: Option<&'a str>,
}

impl<'a> UserPage<'a> {
    pub(crate) fn new(accounts: &'a [Account], next_cursor: Option<&'a str>) -> Self {
        Self {
            users: accounts.iter().map(AccountView::from).collect(),
            next_cursor,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserView<'a> {
    pub(crate) user: AccountView<'a>,
    pub(crate) credits: BalanceView<'a>,
    /// Number of keys, including the revoked ones that are listed.
    pub(crate) api_keys: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccountView<'a> {
    id: &'a str,
    kind: &'static str,
    email: Option<&'a str>,
    email_verified: bool,
    name: Option<&'a str>,
    has_password: bool,
    providers: Vec<&'a str>,
    /// `null` if unknown, like the next field.
    created_at: Option<u64>,
    updated_at: Option<u64>,
}

impl<'a> From<&'a Account> for AccountView<'a> {
    fn from(account: &'a Account) -> Self {
        Self {
            id: &account.id,
            kind: kind_name(account.kind),
            email: account.email.as_deref(),
            email_verified: account.email_verified,
            name: account.name.as_deref(),
            has_password: account.has_password,
            providers: account
                .identities
                .iter()
                .map(|identity| identity.provider.as_str())
                .collect(),
            created_at: Some(account.created_at).filter(|at| *at > 0),
            updated_at: Some(account.updated_at).filter(|at| *at > 0),
        }
    }
}

impl<'a> AccountView<'a> {
    /// A guest or external user without account data. None for other ids.
    pub(crate) fn without_account(id: &'a str) -> Option<Self> {
        let is_guest = id
            .strip_prefix("guest_")
            .is_some_and(|rest| Uuid::try_parse(rest).is_ok());
        let is_external = ["workos_", "clerk_"]
            .iter()
            .any(|prefix| id.len() > prefix.len() && id.starts_with(prefix));
        let kind = match (is_guest, is_external) {
            (true, _) => AccountKind::Guest,
            (_, true) => AccountKind::External,
            _ => return None,
        };
        Some(Self {
            id,
            kind: kind_name(kind),
            email: None,
            email_verified: false,
            name: None,
            has_password: false,
            providers: Vec::new(),
            created_at: None,
            updated_at: None,
        })
    }
}

fn kind_name(kind: AccountKind) -> &'static str {
    match kind {
        AccountKind::Guest => "guest",
        AccountKind::Registered => "registered",
        AccountKind::External => "external",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BalanceView<'a> {
    plan: &'a str,
    /// `null` without a limit, like the next field.
    monthly_credits: Option<u64>,
    credits_left: Option<u64>,
    used_this_month: u64,
    reserved: u64,
    granted_left: u64,
    resets_at: u64,
}

impl<'a> From<&'a Balance> for BalanceView<'a> {
    fn from(balance: &'a Balance) -> Self {
        Self {
            plan: &balance.plan,
            monthly_credits: balance.monthly_credits,
            credits_left: balance.credits_left,
            used_this_month: balance.used_this_month,
            reserved: balance.reserved,
            granted_left: balance.granted_left,
            resets_at: balance.resets_at,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StatisticsView {
    accounts: u64,
    registered_ever: u64,
    deleted_ever: u64,
    /// The default plan first.
    plans: Vec<String>,
    storage: StorageView,
}

#[derive(Serialize)]
struct StorageView {
    keys: KeysView,
    /// False if counting stopped at the limit.
    complete: bool,
}

/// Number of keys by capability.
#[derive(Serialize)]
struct KeysView {
    identity: u64,
    conversations: u64,
    quota: u64,
    other: u64,
}

impl From<&KeyCounts> for StorageView {
    fn from(counts: &KeyCounts) -> Self {
        Self {
            keys: KeysView {
                identity: counts.identity,
                conversations: counts.conversations,
                quota: counts.quota,
                other: counts.other,
            },
            complete: counts.complete,
        }
    }
}

impl StatisticsView {
    pub(crate) fn new(statistics: &Statistics, plans: Vec<String>, keys: &KeyCounts) -> Self {
        Self {
            accounts: statistics.accounts,
            registered_ever: statistics.registered_ever,
            deleted_ever: statistics.deleted_ever,
            plans,
            storage: StorageView::from(keys),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balance_view_without_limit_is_null() {
        let balance = Balance {
            plan: "free".into(),
            monthly_credits: None,
            used_this_month: 3,
            credits_left: None,
            reserved: 0,
            granted_left: 0,
            resets_at: 9,
        };
        assert_eq!(
            serde_json::to_value(BalanceView::from(&balance)).unwrap(),
            serde_json::json!({
                "plan": "free", "monthlyCredits": null, "creditsLeft": null, "usedThisMonth": 3,
                "reserved": 0, "grantedLeft": 0, "resetsAt": 9,
            })
        );
    }

    #[test]
    fn without_account_of_registered_user_is_none() {
        let kind = |id| AccountView::without_account(id).map(|view| view.kind);
        let guest = "guest_550e8400-e29b-41d4-a716-446655440000";
        assert_eq!(kind(guest), Some("guest"));
        assert_eq!(kind("workos_user_01H"), Some("external"));
        assert_eq!(kind("clerk_user_2a"), Some("external"));
        for nobody in [
            "",
            "x",
            "guest_x",
            "workos_",
            "user_550e8400-e29b-41d4-a716-446655440000",
        ] {
            assert_eq!(kind(nobody), None, "{nobody}");
        }
    }
}
