//! The export `credits`.

use journal::Spin;
use unix_time::now_ms;

use super::{Quota, limits, variables};
use crate::credits::calendar;
use crate::credits::history::{Kind, Row};
use crate::credits::ledger::{self, Ledger};
use crate::exports::credits::{
    ApiKeyUsage, Balance, DailyUsage, Error, Guest, Report, Reservation, ReservationRequest,
    Transaction, TransactionKind, Usage,
};

/// Most transactions that one call returns, which is as many as the ledger keeps.
const TRANSACTIONS_MAX: u32 = 200;

impl Guest for Quota {
    async fn reserve(request: ReservationRequest) -> Result<Reservation, Error> {
        let plans = variables::plans().await.map_err(Error::Unavailable)?;
        match ledger::unlimited(&request, plans) {
            Some(reservation) => Ok(reservation),
            None => {
                ledger_of(&request.user)
                    .await?
                    .reserve(plans, request)
                    .await
            }
        }
    }

    async fn settle(user: String, reservation: Option<String>, usage: Usage) -> Result<(), Error> {
        // Usage is recorded even while the plans cannot be read.
        let plans = variables::plans().await.ok();
        let is_limited = reservation.is_some() || plans.is_none_or(|plans| plans.limit_credits());
        let is_recorded = is_limited
            || variables::records_usage()
                .await
                .map_err(Error::Unavailable)?;
        if !is_recorded {
            return Ok(());
        }
        let ledger = ledger_of(&user).await?;
        ledger.settle(plans, reservation.as_deref(), usage).await
    }

    async fn release(user: String, reservation: Option<String>) -> Result<(), Error> {
        match reservation {
            Some(id) => ledger_of(&user).await?.release(&id).await,
            None => Ok(()),
        }
    }

    async fn get_balance(user: String) -> Result<Balance, Error> {
        let plans = variables::plans().await.map_err(Error::Unavailable)?;
        let state = ledger_of(&user).await?.read().await?;
        Ok(ledger::balance(&state, plans, now_ms()))
    }

    async fn get_report(user: String) -> Result<Report, Error> {
        let plans = variables::plans().await.map_err(Error::Unavailable)?;
        let state = ledger_of(&user).await?.read().await?;
        let now = now_ms();
        let today = calendar::day_of(now);
        let history = &state.history;
        let daily_usage = |row: &Row| DailyUsage {
            day: calendar::text_of(row.day),
            model: history.model(row.model).to_owned(),
            requests: row.requests,
            prompt_tokens: row.prompt,
            completion_tokens: row.completion,
            cached_tokens: row.cached,
            cost: row.cost,
            estimated: row.estimated,
        };
        let keys = history.keys().iter().map(|key| ApiKeyUsage {
            id: key.id.clone(),
            requests: key.requests,
            tokens: key.tokens,
            cost: key.cost,
            days: history.days_of(key, today).map(daily_usage).collect(),
        });
        Ok(Report {
            balance: ledger::balance(&state, plans, now),
            days: history.days(today).map(daily_usage).collect(),
            keys: keys.collect(),
        })
    }

    async fn list_transactions(
        user: String,
        before: Option<String>,
        limit: u32,
    ) -> Result<Vec<Transaction>, Error> {
        let before = match before.map(|before| before.parse::<u64>()) {
            None => None,
            Some(Ok(number)) => Some(number),
            // No transaction has such an id, and none is before it.
            Some(Err(_)) => return Ok(Vec::new()),
        };
        let limit = usize::try_from(limit.clamp(1, TRANSACTIONS_MAX)).unwrap_or(usize::MAX);
        let history = ledger_of(&user).await?.read().await?.history;
        let rows = history.transactions(before).take(limit).map(|row| {
            let (kind, amount, model, note) = match &row.kind {
                Kind::Grant(amount, reason) => (
                    TransactionKind::Grant,
                    signed(*amount),
                    None,
                    reason.clone(),
                ),
                Kind::Usage(amount, model, estimated) => (
                    TransactionKind::Usage,
                    signed(*amount).saturating_neg(),
                    Some(history.model(*model).to_owned()),
                    estimated.then(|| "estimated".to_owned()),
                ),
                Kind::Plan(name) => (TransactionKind::Plan, 0, None, Some(name.clone())),
            };
            Transaction {
                id: row.number.to_string(),
                kind,
                at: row.at,
                amount,
                model,
                note,
            }
        });
        Ok(rows.collect())
    }

    async fn list_plans() -> Result<Vec<String>, Error> {
        let plans = variables::plans().await.map_err(Error::Unavailable)?;
        Ok(plans.names())
    }

    async fn set_plan(user: String, plan: String) -> Result<Balance, Error> {
        let plans = variables::plans().await.map_err(Error::Unavailable)?;
        let balance = ledger_of(&user).await?.set_plan(plans, plan).await?;
        limits::cache_plan(&user, Some(balance.plan.clone()), now_ms());
        Ok(balance)
    }

    async fn grant(
        user: String,
        id: String,
        amount: u64,
        reason: Option<String>,
    ) -> Result<Balance, Error> {
        let plans = variables::plans().await.map_err(Error::Unavailable)?;
        ledger_of(&user)
            .await?
            .grant(plans, &id, amount, reason)
            .await
    }
}

pub(super) async fn ledger_of(user: &str) -> Result<Ledger<Spin>, Error> {
    Ledger::new(Spin::open_default().await?, user)
}

fn signed(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}
