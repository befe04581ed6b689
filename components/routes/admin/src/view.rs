//! How accounts look to the operator in JSON. Times are in milliseconds since the epoch.

use contracts::{
    accounts::{
        directory::Statistics,
        types::{Account, AccountKind},
    },
    quota::credits::Standing,
};
use serde::Serialize;

#[derive(Serialize)]
pub(crate) struct Done {
    pub(crate) success: bool,
}

#[derive(Serialize)]
pub(crate) struct Revoked {
    /// How many.
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
    pub(crate) credits: StandingView<'a>,
    /// How many, revoked ones that are still listed included.
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
    providers: &'a [String],
    created_at: u64,
    updated_at: u64,
}

impl<'a> From<&'a Account> for AccountView<'a> {
    fn from(account: &'a Account) -> Self {
        Self {
            id: &account.id,
            kind: match account.kind {
                AccountKind::Guest => "guest",
                AccountKind::Registered => "registered",
                AccountKind::External => "external",
            },
            email: account.email.as_deref(),
            email_verified: account.email_verified,
            name: account.name.as_deref(),
            has_password: account.has_password,
            providers: &account.providers,
            created_at: account.created_at,
            updated_at: account.updated_at,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StandingView<'a> {
    plan: &'a str,
    /// Null where there is no limit, as the next.
    monthly_credits: Option<u64>,
    credits_left: Option<u64>,
    used_this_month: u64,
    reserved: u64,
    granted_left: u64,
    resets_at: u64,
}

impl<'a> From<&'a Standing> for StandingView<'a> {
    fn from(standing: &'a Standing) -> Self {
        Self {
            plan: &standing.plan,
            monthly_credits: standing.monthly_credits,
            credits_left: standing.credits_left,
            used_this_month: standing.used_this_month,
            reserved: standing.reserved,
            granted_left: standing.granted_left,
            resets_at: standing.resets_at,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StatisticsView {
    accounts: u64,
    registered_ever: u64,
    deleted_ever: u64,
    /// The default one first.
    plans: Vec<String>,
}

impl StatisticsView {
    pub(crate) fn new(statistics: &Statistics, plans: Vec<String>) -> Self {
        Self {
            accounts: statistics.accounts,
            registered_ever: statistics.registered_ever,
            deleted_ever: statistics.deleted_ever,
            plans,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_is_null() {
        let standing = Standing {
            plan: "free".into(),
            monthly_credits: None,
            used_this_month: 3,
            credits_left: None,
            reserved: 0,
            granted_left: 0,
            resets_at: 9,
        };
        assert_eq!(
            serde_json::to_value(StandingView::from(&standing)).unwrap(),
            serde_json::json!({
                "plan": "free", "monthlyCredits": null, "creditsLeft": null, "usedThisMonth": 3,
                "reserved": 0, "grantedLeft": 0, "resetsAt": 9,
            })
        );
    }
}
