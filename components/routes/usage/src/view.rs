//! The JSON of the responses.

use contracts::quota::credits::{ApiKeyUsage, DailyUsage, Report, Transaction, TransactionKind};
use http_edge::pagination;
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UsageView<'a> {
    plan: &'a str,
    credits: CreditsView,
    /// The sums over all days.
    totals: AmountsView,
    usage: Vec<DayView<'a>>,
    keys: Vec<KeyView<'a>>,
}

/// Credits; null if there is no limit.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CreditsView {
    monthly: Option<u64>,
    used_this_month: u64,
    left: Option<u64>,
    reserved: Option<u64>,
    granted: u64,
    /// Milliseconds since the epoch.
    resets_at: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DayView<'a> {
    day: &'a str,
    model: &'a str,
    #[serde(flatten)]
    amounts: AmountsView,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct AmountsView {
    requests: u64,
    prompt_tokens: u64,
    completion_tokens: u64,
    /// The tokens of prompts that the provider had in its cache.
    cached_tokens: u64,
    /// Null if no price is known.
    cost_usd: Option<f64>,
    /// Whether some of the tokens are an estimate of ours.
    estimated: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KeyView<'a> {
    id: &'a str,
    /// In the key's life, as are tokens and cost.
    requests: u64,
    tokens: u64,
    cost_usd: Option<f64>,
    usage: Vec<DayView<'a>>,
}

#[derive(Serialize)]
pub(crate) struct TransactionsView<'a> {
    transactions: Vec<TransactionView<'a>>,
    /// The `before` of the next page; null on the last one.
    next: Option<&'a str>,
}

#[derive(Serialize)]
struct TransactionView<'a> {
    id: &'a str,
    kind: &'static str,
    /// Milliseconds since the epoch.
    at: u64,
    amount: i64,
    model: Option<&'a str>,
    note: Option<&'a str>,
}

impl<'a> From<&'a Report> for UsageView<'a> {
    fn from(report: &'a Report) -> Self {
        let balance = &report.balance;
        let limited = balance.monthly_credits.is_some();
        Self {
            plan: &balance.plan,
            credits: CreditsView {
                monthly: balance.monthly_credits,
                used_this_month: balance.used_this_month,
                left: balance.credits_left,
                reserved: limited.then_some(balance.reserved),
                granted: balance.granted_left,
                resets_at: limited.then_some(balance.resets_at),
            },
            totals: AmountsView::of_all(&report.days),
            usage: report.days.iter().map(DayView::from).collect(),
            keys: report.keys.iter().map(KeyView::from).collect(),
        }
    }
}

impl AmountsView {
    fn of_all(rows: &[DailyUsage]) -> Self {
        let sum = |of: fn(&DailyUsage) -> u64| rows.iter().map(of).fold(0, u64::saturating_add);
        let cost = rows.iter().filter_map(|row| row.cost);
        Self {
            requests: sum(|row| row.requests),
            prompt_tokens: sum(|row| row.prompt_tokens),
            completion_tokens: sum(|row| row.completion_tokens),
            cached_tokens: sum(|row| row.cached_tokens),
            cost_usd: cost.reduce(u64::saturating_add).map(dollars),
            estimated: rows.iter().any(|row| row.estimated),
        }
    }
}

/// Dollars of millionths of a dollar.
#[allow(
    clippy::cast_precision_loss,
    reason = "exact up to nine thousand million dollars"
)]
fn dollars(millionths: u64) -> f64 {
    millionths as f64 / 1_000_000.0
}

impl<'a> TransactionsView<'a> {
    /// The first `limit` of these. If there are more, there is a next page.
    pub(crate) fn new(rows: &'a [Transaction], limit: u32) -> Self {
        let (page, has_more) = pagination::split(rows, limit);
        let transactions: Vec<_> = page.iter().map(TransactionView::from).collect();
        let next = match has_more {
            true => transactions.last().map(|last| last.id),
            false => None,
        };
        Self { transactions, next }
    }
}

impl<'a> From<&'a DailyUsage> for DayView<'a> {
    fn from(row: &'a DailyUsage) -> Self {
        Self {
            day: &row.day,
            model: &row.model,
            amounts: AmountsView::of_all(std::slice::from_ref(row)),
        }
    }
}

impl<'a> From<&'a ApiKeyUsage> for KeyView<'a> {
    fn from(key: &'a ApiKeyUsage) -> Self {
        Self {
            id: &key.id,
            requests: key.requests,
            tokens: key.tokens,
            cost_usd: key.cost.map(dollars),
            usage: key.days.iter().map(DayView::from).collect(),
        }
    }
}

impl<'a> From<&'a Transaction> for TransactionView<'a> {
    fn from(row: &'a Transaction) -> Self {
        Self {
            id: &row.id,
            kind: match row.kind {
                TransactionKind::Grant => "grant",
                TransactionKind::Usage => "usage",
                TransactionKind::Plan => "plan",
            },
            at: row.at,
            amount: row.amount,
            model: row.model.as_deref(),
            note: row.note.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::quota::credits::Balance;
    use serde_json::json;

    #[test]
    fn usage_view_without_a_limit_has_null_credits() {
        let balance = |monthly| Balance {
            plan: "free".into(),
            monthly_credits: monthly,
            used_this_month: 5,
            credits_left: monthly,
            reserved: 2,
            granted_left: 3,
            resets_at: 9,
        };
        let day = |model: &str, cost, estimated| DailyUsage {
            day: "2027-01-15".into(),
            model: model.into(),
            requests: 1,
            prompt_tokens: 2,
            completion_tokens: 3,
            cached_tokens: 1,
            cost,
            estimated,
        };
        let shown = |monthly| {
            let report = Report {
                balance: balance(monthly),
                days: vec![day("gpt-4o", Some(288), false), day("local", None, true)],
                keys: vec![ApiKeyUsage {
                    id: "k".into(),
                    requests: 1,
                    tokens: 5,
                    cost: Some(288),
                    days: vec![day("gpt-4o", Some(288), false)],
                }],
            };
            serde_json::to_value(UsageView::from(&report)).unwrap()
        };
        let of_gpt = json!({"day": "2027-01-15", "model": "gpt-4o", "requests": 1,
            "promptTokens": 2, "completionTokens": 3, "cachedTokens": 1, "costUsd": 0.000_288,
            "estimated": false});
        assert_eq!(
            shown(Some(10)),
            json!({
                "plan": "free",
                "credits": {"monthly": 10, "usedThisMonth": 5, "left": 10, "reserved": 2,
                            "granted": 3, "resetsAt": 9},
                "totals": {"requests": 2, "promptTokens": 4, "completionTokens": 6,
                           "cachedTokens": 2, "costUsd": 0.000_288, "estimated": true},
                "usage": [of_gpt, {"day": "2027-01-15", "model": "local", "requests": 1,
                    "promptTokens": 2, "completionTokens": 3, "cachedTokens": 1,
                    "costUsd": null, "estimated": true}],
                "keys": [{"id": "k", "requests": 1, "tokens": 5, "costUsd": 0.000_288,
                          "usage": [of_gpt]}],
            })
        );
        assert_eq!(
            shown(None)["credits"],
            json!({"monthly": null, "usedThisMonth": 5, "left": null, "reserved": null,
                   "granted": 3, "resetsAt": null})
        );
    }

    #[test]
    fn transactions_view_of_the_last_page_has_no_next() {
        let row = |id: u64| Transaction {
            id: id.to_string(),
            kind: TransactionKind::Usage,
            at: 1,
            amount: -5,
            model: Some("m".into()),
            note: None,
        };
        let rows = [row(3), row(2), row(1)];
        let page = |limit| serde_json::to_value(TransactionsView::new(&rows, limit)).unwrap();
        assert_eq!(page(3)["next"], json!(null));
        assert_eq!(page(2)["next"], json!("2"));
        assert_eq!(
            page(2)["transactions"][1],
            json!({"id": "2", "kind": "usage", "at": 1, "amount": -5, "model": "m", "note": null})
        );
    }
}
