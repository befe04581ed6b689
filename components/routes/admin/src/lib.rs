//! `/api/admin`: managing users and reading statistics, with the key of the variable `admin_api_key`.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "native builds contain only the logic, for its unit tests"
    )
)]

mod view;

use contracts::{
    accounts::{api_keys, directory, registration, sessions, types::Error},
    quota::credits,
};
use futures::join;
use http_edge::{ApiError, Context, Response, Validator, pagination};
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use view::{AccountView, BalanceView, Done, Revoked, StatisticsView, UserPage, UserView};

/// The name of a missing user, for [`ApiError::NotFound`].
const USER: &str = "User";
/// Maximum length of a user id.
const MAX_USER_ID: usize = 128;
/// Maximum length of a query parameter, in characters: that of an email address.
const MAX_TEXT: usize = 254;
/// Maximum number of credits of one grant, so that sums do not overflow.
const MAX_GRANT: u64 = 1_000_000_000_000;

http_edge::routes! {
    GET "/api/admin/users" => list_users,
    GET "/api/admin/users/:id" => show_user,
    DELETE "/api/admin/users/:id" => purge_user,
    GET "/api/admin/users/:id/export" => export_user,
    PUT "/api/admin/users/:id/plan" => set_plan,
    POST "/api/admin/users/:id/credits" => grant_credits,
    POST "/api/admin/users/:id/revoke-sessions" => revoke_sessions,
    POST "/api/admin/users/:id/revoke-keys" => revoke_keys,
    GET "/api/admin/statistics" => show_statistics,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListUsers {
    search: Option<String>,
    /// Only the account with this address.
    email: Option<String>,
    cursor: Option<String>,
    limit: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetPlan {
    plan: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Grant {
    amount: u64,
    reason: Option<String>,
    /// Idempotency key: repeated grants with the same id count once.
    id: Option<String>,
}

async fn list_users(context: &mut Context) -> Result<Response, ApiError> {
    operator::require(context).await?;
    let query: ListUsers = context.query()?;
    let is_short = |text: &Option<String>| {
        let length = text.as_ref().map(|text| text.chars().count());
        length.is_none_or(|length| length <= MAX_TEXT)
    };
    let mut validator = Validator::new();
    validator
        .require(is_short(&query.search), "search", "is too long")
        .require(is_short(&query.email), "email", "is too long");
    pagination::cursor(query.cursor.as_deref(), &mut validator);
    let limit = pagination::limit(query.limit, &mut validator);
    validator.finish()?;
    if let Some(email) = query.email {
        let accounts = match directory::find_by_email(email).await {
            Ok(account) => vec![account],
            Err(Error::NotFound) => Vec::new(),
            Err(other) => return Err(error_mapping::accounts(other)),
        };
        return Ok(Response::json(&UserPage::new(&accounts, None)));
    }
    let page = directory::list_accounts(query.search, query.cursor, limit)
        .await
        .map_err(error_mapping::accounts)?;
    Ok(Response::json(&UserPage::new(
        &page.accounts,
        page.next.as_deref(),
    )))
}

async fn show_user(context: &mut Context) -> Result<Response, ApiError> {
    let user = user_of_path(context).await?;
    let (account, balance, latest, keys) = join!(
        registration::get_account(user.clone()),
        credits::get_balance(user.clone()),
        credits::list_transactions(user.clone(), None, 1),
        api_keys::list_keys(user.clone()),
    );
    let balance = balance.map_err(error_mapping::credits)?;
    let latest = latest.map_err(error_mapping::credits)?;
    let keys = keys.map_err(error_mapping::accounts)?;
    let view = match &account {
        Ok(account) => AccountView::from(account),
        // Guests may have no account data, but their usage is recorded.
        Err(Error::NotFound) if !latest.is_empty() => {
            AccountView::without_account(&user).ok_or(ApiError::NotFound(USER))?
        }
        Err(other) => return Err(error_mapping::accounts(other.clone())),
    };
    Ok(Response::json(&UserView {
        user: view,
        credits: BalanceView::from(&balance),
        api_keys: keys.len(),
    }))
}

/// Everything that is stored of a user, by capability.
async fn export_user(context: &mut Context) -> Result<Response, ApiError> {
    let user = user_of_path(context).await?;
    let exported = user_data::export(&user)
        .await
        .map_err(|failure| ApiError::internal(failure.message()))?;
    let mut parts = Map::new();
    for (capability, json) in exported {
        let part: Value = serde_json::from_str(&json)
            .map_err(|_| ApiError::internal(format!("{capability}: the export is not JSON")))?;
        parts.insert(capability.to_owned(), part);
    }
    Ok(Response::json(&parts))
}

async fn purge_user(context: &mut Context) -> Result<Response, ApiError> {
    let user = user_of_path(context).await?;
    account_flows::erase_user(&user).await?;
    Ok(Response::json(&Done { success: true }))
}

async fn set_plan(context: &mut Context) -> Result<Response, ApiError> {
    let user = user_of_path(context).await?;
    let SetPlan { plan } = context.json().await?;
    let balance = credits::set_plan(user, plan)
        .await
        .map_err(error_mapping::credits)?;
    Ok(Response::json(&BalanceView::from(&balance)))
}

async fn grant_credits(context: &mut Context) -> Result<Response, ApiError> {
    let user = user_of_path(context).await?;
    let grant: Grant = context.json().await?;
    let id = grant.id.unwrap_or_else(|| Uuid::new_v4().to_string());
    let reason = grant.reason.as_deref().unwrap_or_default();
    Validator::new()
        .require(
            (1..=MAX_GRANT).contains(&grant.amount),
            "amount",
            "must be 1 to 1000000000000",
        )
        .require(
            reason.chars().count() <= 200,
            "reason",
            "must be at most 200 characters",
        )
        .require(
            is_id(&id),
            "id",
            "must be 1 to 128 letters, digits, `_`, `-` or `.`",
        )
        .finish()?;
    let balance = credits::grant(user, id, grant.amount, grant.reason)
        .await
        .map_err(error_mapping::credits)?;
    Ok(Response::json(&BalanceView::from(&balance)))
}

async fn revoke_sessions(context: &mut Context) -> Result<Response, ApiError> {
    let user = user_of_path(context).await?;
    let revoked = sessions::revoke_sessions(user.clone(), None)
        .await
        .map_err(error_mapping::accounts)?;
    // Sockets that use other credentials reconnect.
    realtime_events::close_sockets(context, user, None).await;
    Ok(Response::json(&Revoked { revoked }))
}

async fn revoke_keys(context: &mut Context) -> Result<Response, ApiError> {
    let user = user_of_path(context).await?;
    let revoked = api_keys::revoke_keys(user.clone())
        .await
        .map_err(error_mapping::accounts)?;
    // Sockets that use other credentials reconnect.
    realtime_events::close_sockets(context, user, None).await;
    Ok(Response::json(&Revoked { revoked }))
}

/// Slow: counts all keys of the store.
async fn show_statistics(context: &mut Context) -> Result<Response, ApiError> {
    operator::require(context).await?;
    let (statistics, plans, keys) = join!(
        directory::get_statistics(),
        credits::list_plans(),
        directory::count_keys(),
    );
    Ok(Response::json(&StatisticsView::new(
        &statistics.map_err(error_mapping::accounts)?,
        plans.map_err(error_mapping::credits)?,
        &keys.map_err(error_mapping::accounts)?,
    )))
}

/// The user id of the path. Says nothing about whether the user exists.
async fn user_of_path(context: &mut Context) -> Result<String, ApiError> {
    operator::require(context).await?;
    let user = context.param("id", MAX_USER_ID, USER)?;
    if !is_id(&user) {
        return Err(ApiError::NotFound(USER));
    }
    context.log.user(&user);
    Ok(user)
}

fn is_id(text: &str) -> bool {
    (1..=MAX_USER_ID).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::is_id;

    #[test]
    fn is_id_of_invalid_storage_key_part_is_false() {
        assert!(is_id("guest_550e8400-e29b-41d4-a716-446655440000"));
        assert!(is_id(&"x".repeat(128)));
        for bad in ["", "a/b", "a:b", "..%2f", "é", &"x".repeat(129)] {
            assert!(!is_id(bad), "{bad}");
        }
    }
}
