//! The export `credits`: the contract's types on one side, ours on the other.

use futures::future::try_join_all;
use journal::{Journal, Spin, Store};

use super::{Quota, limits, now_ms, variables};
use crate::credits::facts::KeyBudget;
use crate::credits::history::{Kind, Row};
use crate::credits::state::Bound;
use crate::credits::teller::{self, Consumption, Error, Intent};
use crate::credits::{calendar, state};
use crate::exports::credits as wit;
use crate::exports::limits::Action;

/// Most transactions that one call answers, which is all there are.
const MAX_LISTED: u32 = 200;

impl wit::Guest for Quota {
    async fn reserve(intent: wit::ReservationRequest) -> Result<wit::Reservation, wit::Error> {
        let plans = variables::plans().await.map_err(wit::Error::Unavailable)?;
        let user = intent.user;
        let intent = Intent {
            key: intent.api_key.map(|key| KeyBudget {
                id: key.id,
                requests: key.requests,
                tokens: key.tokens,
            }),
            prompt: intent.prompt_tokens,
            max_tokens: intent.max_tokens,
        };
        let reservation = match intent.without_limit(plans) {
            Some(free) => free,
            None => teller::reserve(&journal_of(&user).await?, plans, intent).await?,
        };
        Ok(wit::Reservation {
            id: reservation.id.map(|id| format!("{id:016x}")),
            max_tokens: reservation.max_tokens,
        })
    }

    async fn settle(
        user: String,
        reservation: Option<String>,
        used: wit::Usage,
    ) -> Result<(), wit::Error> {
        // What was used is recorded even while nobody can tell what the plans are.
        let plans = variables::plans().await.ok();
        let limits = reservation.is_some() || plans.is_none_or(|plans| plans.limit_credits());
        let records = limits
            || variables::records_all()
                .await
                .map_err(wit::Error::Unavailable)?;
        if !records {
            return Ok(());
        }
        let id = reservation.as_deref().map(reservation_id).transpose()?;
        let used = Consumption {
            model: used.model,
            prompt: used.prompt_tokens,
            completion: used.completion_tokens,
            cached: used.cached_tokens,
            estimated: used.estimated,
            cost: used.cost,
            key: used.api_key,
            aside: used.background,
        };
        Ok(teller::settle(&journal_of(&user).await?, plans, id, used).await?)
    }

    async fn release(user: String, reservation: Option<String>) -> Result<(), wit::Error> {
        let Some(id) = reservation else {
            return Ok(());
        };
        let id = reservation_id(&id)?;
        Ok(teller::release(&journal_of(&user).await?, id).await?)
    }

    async fn get_balance(user: String) -> Result<wit::Balance, wit::Error> {
        let plans = variables::plans().await.map_err(wit::Error::Unavailable)?;
        let ledger = read(&user).await?;
        Ok(teller::standing(&ledger, plans, now_ms()).into())
    }

    async fn get_report(user: String) -> Result<wit::Report, wit::Error> {
        let plans = variables::plans().await.map_err(wit::Error::Unavailable)?;
        let ledger = read(&user).await?;
        let now = now_ms();
        let today = calendar::day_of(now);
        let history = &ledger.history;
        let day_of_use = |row: &Row| wit::DailyUsage {
            day: calendar::text_of(row.day),
            model: history.model(row.model).to_owned(),
            requests: row.requests,
            prompt_tokens: row.prompt,
            completion_tokens: row.completion,
            cached_tokens: row.cached,
            cost: row.cost,
            estimated: row.estimated,
        };
        let keys = history.keys().iter().map(|key| wit::ApiKeyUsage {
            id: key.id.clone(),
            requests: key.requests,
            tokens: key.tokens,
            cost: key.cost,
            days: history.days_of(key, today).map(day_of_use).collect(),
        });
        Ok(wit::Report {
            balance: teller::standing(&ledger, plans, now).into(),
            days: history.days(today).map(day_of_use).collect(),
            keys: keys.collect(),
        })
    }

    async fn list_transactions(
        user: String,
        before: Option<String>,
        limit: u32,
    ) -> Result<Vec<wit::Transaction>, wit::Error> {
        let before = match before.map(|before| before.parse::<u64>()) {
            None => None,
            Some(Ok(number)) => Some(number),
            // There is nothing before what there is not.
            Some(Err(_)) => return Ok(Vec::new()),
        };
        let most = usize::try_from(limit.clamp(1, MAX_LISTED)).unwrap_or(usize::MAX);
        let history = read(&user).await?.history;
        let rows = history.transactions(before).take(most).map(|row| {
            let (kind, amount, model, note) = match &row.kind {
                Kind::Grant(amount, reason) => (
                    wit::TransactionKind::Grant,
                    signed(*amount),
                    None,
                    reason.clone(),
                ),
                Kind::Usage(amount, model, estimated) => (
                    wit::TransactionKind::Usage,
                    signed(*amount).saturating_neg(),
                    Some(history.model(*model).to_owned()),
                    estimated.then(|| "estimated".to_owned()),
                ),
                Kind::Plan(name) => (wit::TransactionKind::Plan, 0, None, Some(name.clone())),
            };
            wit::Transaction {
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

    async fn list_plans() -> Result<Vec<String>, wit::Error> {
        let plans = variables::plans().await.map_err(wit::Error::Unavailable)?;
        Ok(plans.names())
    }

    async fn set_plan(user: String, plan: String) -> Result<wit::Balance, wit::Error> {
        let plans = variables::plans().await.map_err(wit::Error::Unavailable)?;
        let journal = journal_of(&user).await?;
        let standing = teller::set_plan(&journal, plans, plan).await?;
        limits::remember_plan(&user, Some(standing.plan.clone()), now_ms());
        Ok(standing.into())
    }

    async fn grant(
        user: String,
        id: String,
        amount: u64,
        reason: Option<String>,
    ) -> Result<wit::Balance, wit::Error> {
        let plans = variables::plans().await.map_err(wit::Error::Unavailable)?;
        let journal = journal_of(&user).await?;
        let standing = teller::grant(&journal, plans, &id, amount, reason).await?;
        Ok(standing.into())
    }

    async fn erase(user: String) -> Result<(), wit::Error> {
        let journal = journal_of(&user).await?;
        let keys = teller::forget(&journal).await?;
        let actions = [Action::Chat, Action::Api, Action::Auth, Action::Password];
        let of_user = actions.map(|action| limits::key_of(action, &user));
        let of_keys = keys.iter().map(|key| limits::key_of(Action::Chat, key));
        let counters: Vec<String> = of_user
            .into_iter()
            .chain(of_keys)
            .flat_map(|key| [format!("{key}:count"), format!("{key}:mark")])
            .collect();
        let batches = counters.chunks(journal::BATCH_MAX);
        let erased = batches.map(|batch| journal.platform().delete_many(batch.to_vec()));
        try_join_all(erased).await.map_err(Error::from)?;
        limits::remember_plan(&user, None, now_ms());
        Ok(())
    }
}

async fn journal_of(user: &str) -> Result<Journal<Spin>, Error> {
    teller::journal_of(Spin::open_default().await?, user)
}

async fn read(user: &str) -> Result<state::Ledger, Error> {
    teller::read(&journal_of(user).await?).await
}

fn reservation_id(id: &str) -> Result<u64, wit::Error> {
    u64::from_str_radix(id, 16)
        .map_err(|_| wit::Error::Unavailable("ledger: not a reservation's id".to_owned()))
}

fn signed(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}

impl From<Error> for wit::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Spent(bound) => Self::LimitReached(match bound {
                Bound::Credits => wit::LimitKind::Credits,
                Bound::KeyRequests => wit::LimitKind::ApiKeyRequests,
                Bound::KeyTokens => wit::LimitKind::ApiKeyTokens,
            }),
            Error::UnknownPlan(plans) => Self::UnknownPlan(plans),
            Error::Unavailable(text) => Self::Unavailable(text),
        }
    }
}

impl From<teller::Standing> for wit::Balance {
    fn from(standing: teller::Standing) -> Self {
        Self {
            plan: standing.plan,
            monthly_credits: standing.monthly,
            used_this_month: standing.balance.used,
            credits_left: standing.balance.left,
            reserved: standing.balance.reserved,
            granted_left: standing.balance.granted,
            resets_at: standing.resets_at,
        }
    }
}
