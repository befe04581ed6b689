//! The export `limits`, and what an instance knows of its subjects.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use journal::Spin;

use super::counters::StoreLedger;
use super::{Quota, now_ms, variables};
use crate::book::{Book, Refused};
use crate::credits::teller;
use crate::exports::limits::{Action, Allowance, Error, Guest};
use crate::settings::{parse, setting_of};
use crate::subject;

static BOOK: Mutex<Book> = Mutex::new(Book::new());

/// How long a user's plan is taken to be what it was, in milliseconds.
const PLAN_KNOWN: u64 = 5_000;
/// Users whose plan one instance knows.
const MAX_PLANS_KNOWN: usize = 1024;

impl Guest for Quota {
    async fn admit(
        action: Action,
        subject: String,
        own_limit: Option<u32>,
    ) -> Result<Allowance, Error> {
        let limit = match own_limit {
            Some(limit) => limit,
            None => limit_of(action, &subject).await?,
        };
        let key = key_of(action, &subject);
        let ledger = StoreLedger::new(&key);
        let mut book = BOOK.lock().unwrap_or_else(PoisonError::into_inner);
        book.admit(&key, limit, now_ms(), &ledger)
            .map_err(|refused| match refused {
                Refused::Exceeded(allowance) => Error::Exceeded(allowance),
                Refused::Store(text) => Error::Unavailable(text),
            })
    }
}

/// What the keys of a subject's counter and mark begin with.
pub(super) fn key_of(action: Action, subject: &str) -> String {
    let name = setting_of(action).name;
    format!("quota:{name}:{}", subject::key_of(subject))
}

/// The limit of the subject's plan, else the variable's.
async fn limit_of(action: Action, subject: &str) -> Result<u32, Error> {
    if action == Action::Chat {
        let plans = variables::plans().await.map_err(Error::Unavailable)?;
        if plans.limit_chat() {
            let name = plan_of(subject).await?;
            if let Some(limit) = plans.of(name.as_deref()).1.chat_per_minute {
                return Ok(limit);
            }
        }
    }
    limit_of_variable(action).await
}

/// The limit of an action, read once in the life of an instance.
async fn limit_of_variable(action: Action) -> Result<u32, Error> {
    static CHAT: OnceLock<u32> = OnceLock::new();
    static API: OnceLock<u32> = OnceLock::new();
    static AUTH: OnceLock<u32> = OnceLock::new();
    static PASSWORD: OnceLock<u32> = OnceLock::new();
    let cached = match action {
        Action::Chat => &CHAT,
        Action::Api => &API,
        Action::Auth => &AUTH,
        Action::Password => &PASSWORD,
    };
    if let Some(limit) = cached.get() {
        return Ok(*limit);
    }
    let setting = setting_of(action);
    let value = variables::read(setting.variable)
        .await
        .map_err(Error::Unavailable)?;
    let limit = parse(&value, setting.default).unwrap_or_else(|default| {
        eprintln!(
            r#"{{"level":"warn","message":"{} is not a number of requests; {default} holds"}}"#,
            setting.variable
        );
        default
    });
    Ok(*cached.get_or_init(|| limit))
}

/// Plans by user, and when they were read.
type Known = Option<HashMap<String, (Option<String>, u64)>>;

static PLANS: Mutex<Known> = Mutex::new(None);

fn known() -> MutexGuard<'static, Known> {
    PLANS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The name of the user's plan, if it was ever set.
async fn plan_of(user: &str) -> Result<Option<String>, Error> {
    let now = now_ms();
    let remembered = known().as_ref().and_then(|known| known.get(user).cloned());
    if let Some((plan, read_at)) = remembered
        && now.saturating_sub(read_at) < PLAN_KNOWN
    {
        return Ok(plan);
    }
    let plan = read_plan(user).await.map_err(|error| match error {
        teller::Error::Unavailable(text) => Error::Unavailable(text),
        teller::Error::Spent(_) | teller::Error::UnknownPlan(_) => {
            Error::Unavailable("ledger: no plan".to_owned())
        }
    })?;
    remember_plan(user, plan.clone(), now);
    Ok(plan)
}

async fn read_plan(user: &str) -> Result<Option<String>, teller::Error> {
    let journal = teller::journal_of(Spin::open_default().await?, user)?;
    let ledger = teller::read(&journal).await?;
    Ok(ledger.plan().map(str::to_owned))
}

/// Notes what a user's plan was at a time.
pub(super) fn remember_plan(user: &str, plan: Option<String>, now: u64) {
    let mut known = known();
    let known = known.get_or_insert_default();
    if known.len() >= MAX_PLANS_KNOWN {
        known.clear();
    }
    known.insert(user.to_owned(), (plan, now));
}
