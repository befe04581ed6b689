//! `/api/usage` and `/api/credits`: what the user has spent, and may spend.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

mod view;

use contracts::quota::credits;
use http_edge::{ApiError, Context, Response, Validator};
use serde::Deserialize;

use view::{TransactionsView, UsageView};

/// Transactions of a page where the request does not say, and at most.
const USUAL_PAGE: u32 = 50;
const MAX_PAGE: u32 = 100;

http_edge::routes! {
    GET "/api/usage" => show_usage,
    GET "/api/credits/transactions" => list_transactions,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PageQuery {
    before: Option<String>,
    limit: Option<u32>,
}

/// Which transactions are asked for.
#[derive(Debug, PartialEq, Eq)]
struct Page {
    /// The id of a transaction.
    before: Option<String>,
    limit: u32,
}

async fn show_usage(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::require_user(context).await?.user;
    let report = credits::get_report(user.id)
        .await
        .map_err(failures::credits)?;
    Ok(Response::json(&UsageView::from(&report)))
}

async fn list_transactions(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::require_user(context).await?.user;
    let page = Page::try_from(context.query::<PageQuery>()?)?;
    let asked = page.limit;
    // One more than asked for, to see whether there is a next page.
    let found = credits::list_transactions(user.id, page.before, asked.saturating_add(1))
        .await
        .map_err(failures::credits)?;
    Ok(Response::json(&TransactionsView::new(&found, asked)))
}

impl TryFrom<PageQuery> for Page {
    type Error = ApiError;

    fn try_from(query: PageQuery) -> Result<Self, ApiError> {
        let before = query.before.as_deref();
        let limit = query.limit.unwrap_or(USUAL_PAGE);
        Validator::new()
            .require(
                before.is_none_or(|before| before.parse::<u64>().is_ok()),
                "before",
                "must be the id of a transaction",
            )
            .require((1..=MAX_PAGE).contains(&limit), "limit", "must be 1 to 100")
            .finish()?;
        Ok(Self {
            before: query.before,
            limit,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(before: Option<&str>, limit: Option<u32>) -> Result<Page, Vec<String>> {
        let before = before.map(str::to_owned);
        Page::try_from(PageQuery { before, limit }).map_err(|error| match error {
            ApiError::Validation(wrong) => wrong.into_iter().map(|detail| detail.path).collect(),
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn pages_are_checked() {
        let usual = page(None, None).unwrap();
        assert_eq!((usual.before, usual.limit), (None, 50));
        assert_eq!(page(Some("17"), Some(100)).unwrap().limit, 100);
        let wrong = page(Some("-1"), Some(0)).unwrap_err();
        assert_eq!(wrong, ["before", "limit"]);
        assert_eq!(page(None, Some(101)).unwrap_err(), ["limit"]);
        for before in ["", "a", "99999999999999999999999"] {
            assert_eq!(page(Some(before), None).unwrap_err(), ["before"]);
        }
    }
}
