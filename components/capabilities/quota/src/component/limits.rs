//! The export `limits`, and the state of an instance for it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use unix_time::now_ms;

use journal::Spin;

use super::counters::StoredSubject;
use super::{Quota, variables};
use crate::credits::ledger::Ledger;
use crate::exports::credits;
use crate::exports::limits::{Action, Allowance, Error, Guest};
use crate::rate_limiter::{self, RateLimiter, Refused};
use crate::settings::{parse, setting_of};
use crate::subject;

static LIMITER: Mutex<RateLimiter> = Mutex::new(RateLimiter::new());

/// How long a user's plan is cached, in milliseconds.
const PLAN_CACHED_FOR: u64 = 5_000;
/// Most users whose plan an instance caches.
const MAX_PLANS_CACHED: usize = 1024;

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
        let store = StoredSubject::new(&key);
        rate_limiter::admit(&LIMITER, &key, limit, now_ms(), &store)
            .await
            .map_err(|refused| match refused {
                Refused::Exceeded(allowance) => Error::Exceeded(allowance),
                Refused::Store(text) => Error::Unavailable(text),
            })
    }
}

/// The prefix of the keys of a subject's counter and mark.
pub(super) fn key_of(action: Action, subject: &str) -> String {
    let name = setting_of(action).name;
    format!("quota:{name}:{}", subject::key_of(subject))
}

/// The limit of the user's plan, or if it has none, that of the variable.
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

/// The limit that the variable of an action sets. It is read once per instance.
async fn limit_of_variable(action: Action) -> Result<u32, Error> {
    static CHAT: OnceLock<u32> = OnceLock::new();
    static API: OnceLock<u32> = OnceLock::new();
    static AUTH: OnceLock<u32> = OnceLock::new();
    static PASSWORD: OnceLock<u32> = OnceLock::new();
    static MESSAGE: OnceLock<u32> = OnceLock::new();
    static JOIN: OnceLock<u32> = OnceLock::new();
    let cached = match action {
        Action::Chat => &CHAT,
        Action::Api => &API,
        Action::Auth => &AUTH,
        Action::Password => &PASSWORD,
        Action::Message => &MESSAGE,
        Action::Join => &JOIN,
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
            r#"{{"level":"warn","message":"{} is not a number; the default {default} is used"}}"#,
            setting.variable
        );
        default
    });
    Ok(*cached.get_or_init(|| limit))
}

/// Plans by user, and when they were read.
type CachedPlans = Option<HashMap<String, (Option<String>, u64)>>;

static PLANS: Mutex<CachedPlans> = Mutex::new(None);

fn cached_plans() -> MutexGuard<'static, CachedPlans> {
    PLANS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The name of the user's plan, if it was ever set.
async fn plan_of(user: &str) -> Result<Option<String>, Error> {
    let now = now_ms();
    let cached = cached_plans()
        .as_ref()
        .and_then(|plans| plans.get(user).cloned());
    if let Some((plan, read_at)) = cached
        && now.saturating_sub(read_at) < PLAN_CACHED_FOR
    {
        return Ok(plan);
    }
    let plan = read_plan(user).await.map_err(|error| match error {
        credits::Error::Unavailable(text) => Error::Unavailable(text),
        credits::Error::LimitReached(_) | credits::Error::UnknownPlan(_) => {
            Error::Unavailable("ledger: no plan".to_owned())
        }
    })?;
    cache_plan(user, plan.clone(), now);
    Ok(plan)
}

async fn read_plan(user: &str) -> Result<Option<String>, credits::Error> {
    let ledger = Ledger::new(Spin::open_default().await?, user)?;
    Ok(ledger.read().await?.plan().map(str::to_owned))
}

/// Caches a user's plan as of the time `now`.
pub(super) fn cache_plan(user: &str, plan: Option<String>, now: u64) {
    let mut plans = cached_plans();
    let plans = plans.get_or_insert_default();
    if plans.len() >= MAX_PLANS_CACHED {
        plans.clear();
    }
    plans.insert(user.to_owned(), (plan, now));
}
