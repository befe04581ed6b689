//! `/api/usage` and `/api/credits`: the user's usage, credits and transactions.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

mod view;

use contracts::quota::credits;
use http_edge::{ApiError, Context, Response, Validator, pagination};
use serde::Deserialize;

use view::{TransactionsView, UsageView};

http_edge::routes! {
    GET "/api/usage" => show_usage,
    GET "/api/credits/transactions" => list_transactions,
}

/// The requested transactions.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PageQuery {
    /// The id of a transaction; the page begins after it.
    before: Option<String>,
    limit: Option<u32>,
}

async fn show_usage(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::require_user(context).await?.user;
    let report = credits::get_report(user.id)
        .await
        .map_err(error_mapping::credits)?;
    Ok(Response::json(&UsageView::from(&report)))
}

async fn list_transactions(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::require_user(context).await?.user;
    let query: PageQuery = context.query()?;
    let mut validator = Validator::new();
    pagination::before(query.before.as_deref(), &mut validator);
    let limit = pagination::limit(query.limit, &mut validator);
    validator.finish()?;
    // One item more than the page has shows whether there is a next page.
    let transactions = credits::list_transactions(user.id, query.before, limit.saturating_add(1))
        .await
        .map_err(error_mapping::credits)?;
    Ok(Response::json(&TransactionsView::new(&transactions, limit)))
}
