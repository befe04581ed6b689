//! Reading a user's ledger and appending to it: the contract's `credits`, on any platform.

use ids::{KeyPart, sha256_hex};
use journal::aggregate::{Aggregate, Rules, SnapshotPolicy};
use journal::{Journal, Platform};

use super::calendar;
use super::entries::{Entry, KeyBudget, Reserved, Settled};
use super::history::truncate;
use super::state::State;
use crate::exports::credits::{Balance, Error, LimitKind, Reservation, ReservationRequest, Usage};
use crate::plans::Plans;

/// The assumed length of a reply if the client sets no limit, in tokens.
const DEFAULT_REPLY_TOKENS: u32 = 4096;
/// Longest id of an API key, in bytes. They are UUIDs.
const KEY_ID_BYTES_MAX: usize = 64;
/// Longest name of a model, in bytes; longer ones are truncated.
const MODEL_BYTES_MAX: usize = 128;
/// Longest reason of a grant, in bytes; longer ones are truncated.
const REASON_BYTES_MAX: usize = 800;

/// One user's ledger.
pub(crate) struct Ledger<P>(Aggregate<P, LedgerRules>);

struct LedgerRules;

impl<P> Rules<P> for LedgerRules {
    type State = State;
    type Error = Error;
    const SNAPSHOTS: SnapshotPolicy = SnapshotPolicy {
        min_entries: 16,
        bytes_per_entry: 4 * 1024,
        // A reservation delays the first token, so readers leave snapshots to writers.
        reader_entries: 64,
        cleanup_patience: 0,
    };
}

impl From<journal::Error> for Error {
    fn from(error: journal::Error) -> Self {
        Self::Unavailable(format!("ledger: {error}"))
    }
}

impl<P: Platform> Ledger<P> {
    /// # Errors
    /// `unavailable` if that cannot be a user id.
    pub(crate) fn new(platform: P, user: &str) -> Result<Self, Error> {
        let user = KeyPart::parse(user).ok_or_else(|| invalid("user id"))?;
        let journal = Journal::new(platform, format!("quota:u:{user}"));
        Ok(Self(Aggregate::new(journal, LedgerRules)))
    }

    /// # Errors
    /// Those of the journal.
    pub(crate) async fn read(&self) -> Result<State, Error> {
        Ok(self.0.read().await?.state)
    }

    /// Reserves the credits that a reply may cost.
    ///
    /// # Errors
    /// `limit-reached`, `unavailable`.
    pub(crate) async fn reserve(
        &self,
        plans: &Plans,
        request: ReservationRequest,
    ) -> Result<Reservation, Error> {
        let mut view = self.0.read().await?;
        let (_, plan) = plans.of(view.state.plan());
        let max_tokens = request.max_tokens;
        if plan.monthly_credits.is_none() && !has_budget(&request) {
            return Ok(Reservation {
                id: None,
                max_tokens,
            });
        }
        require_key_id(request.api_key.as_ref().map(|key| key.id.as_str()))?;
        let now = self.now();
        let prompt = u64::from(request.prompt_tokens);
        let reserved = reserved(request, plan.monthly_credits, now);
        // Refused requests write nothing.
        view.state
            .available(&reserved, now)
            .map_err(Error::LimitReached)?;
        let entry = Entry::Reserved(reserved.clone());
        // Without a snapshot, which would delay the first token.
        self.0.journal().append(&mut view, &entry).await?;
        let Some(held) = view.state.held(reserved.id) else {
            // Another reservation was appended first.
            let limit = view.state.available(&reserved, now).err();
            return Err(Error::LimitReached(limit.unwrap_or(LimitKind::Credits)));
        };
        let key_tokens = reserved.key.is_some_and(|key| key.tokens.is_some());
        let limits_tokens = reserved.monthly.is_some() || key_tokens;
        let reply = u32::try_from(held.saturating_sub(prompt)).unwrap_or(u32::MAX);
        Ok(Reservation {
            id: Some(format!("{:016x}", reserved.id)),
            max_tokens: limits_tokens.then_some(reply).or(max_tokens),
        })
    }

    /// Charges the actual usage in place of a reservation. Without `plans` (they cannot be read), all of
    /// it is charged to the month.
    ///
    /// # Errors
    /// `unavailable`.
    pub(crate) async fn settle(
        &self,
        plans: Option<&Plans>,
        reservation: Option<&str>,
        usage: Usage,
    ) -> Result<(), Error> {
        require_key_id(usage.api_key.as_deref())?;
        let id = reservation.map(reservation_id).transpose()?;
        let at = self.now();
        let decide = |state: &State| {
            let plan = plans.map(|plans| plans.of(state.plan()).1);
            Ok(Some(Entry::Settled(Settled {
                id: id.unwrap_or_else(new_id),
                model: truncate(&usage.model, MODEL_BYTES_MAX).to_owned(),
                prompt: usage.prompt_tokens,
                completion: usage.completion_tokens,
                cached: usage.cached_tokens,
                estimated: usage.estimated,
                cost: usage.cost,
                background: usage.background,
                key: usage.api_key,
                monthly: plan.and_then(|plan| plan.monthly_credits),
                at,
            })))
        };
        self.0.update(decide).await.map(drop)
    }

    /// Cancels a reservation.
    ///
    /// # Errors
    /// `unavailable`.
    pub(crate) async fn release(&self, reservation: &str) -> Result<(), Error> {
        let id = reservation_id(reservation)?;
        let entry = Entry::Released { id, at: self.now() };
        self.0.update(|_| Ok(Some(entry))).await.map(drop)
    }

    /// # Errors
    /// `unknown-plan`, `unavailable`.
    pub(crate) async fn set_plan(&self, plans: &Plans, plan: String) -> Result<Balance, Error> {
        if !plans.has(&plan) {
            return Err(Error::UnknownPlan(plans.names().join(", ")));
        }
        let at = self.now();
        let decide = |state: &State| {
            let changes = state.plan() != Some(plan.as_str());
            Ok(changes.then_some(Entry::PlanSet { plan, at }))
        };
        let view = self.0.update(decide).await?;
        Ok(balance(&view.state, plans, at))
    }

    /// Adds credits. The same `id` counts once.
    ///
    /// # Errors
    /// `unavailable`.
    pub(crate) async fn grant(
        &self,
        plans: &Plans,
        id: &str,
        amount: u64,
        reason: Option<String>,
    ) -> Result<Balance, Error> {
        let at = self.now();
        let entry = Entry::Granted {
            id: grant_id(id),
            amount,
            reason: reason.map(|reason| one_line(&reason)),
            at,
        };
        let view = self.0.update(|_| Ok(Some(entry))).await?;
        Ok(balance(&view.state, plans, at))
    }

    /// Erases the ledger. Returns the ids of the API keys that it contained.
    ///
    /// # Errors
    /// `unavailable`. Must be repeated until it succeeds.
    pub(crate) async fn erase(&self) -> Result<Vec<String>, Error> {
        let erased = |state: &State| Entry::Erased { at: state.time() };
        let before = self.0.erase(State::is_blank, erased).await?;
        Ok(before.key_ids().map(str::to_owned).collect())
    }

    fn now(&self) -> u64 {
        self.0.journal().platform().now()
    }
}

/// The reservation for a request that no plan and no budget limits; it needs no ledger. None if
/// something may limit it.
pub(crate) fn unlimited(request: &ReservationRequest, plans: &Plans) -> Option<Reservation> {
    let is_unlimited = !plans.limit_credits() && !has_budget(request);
    is_unlimited.then_some(Reservation {
        id: None,
        max_tokens: request.max_tokens,
    })
}

/// The user's balance at the time `now`.
pub(crate) fn balance(state: &State, plans: &Plans, now: u64) -> Balance {
    let (name, plan) = plans.of(state.plan());
    let credits = state.credits(plan.monthly_credits, now);
    Balance {
        plan: name.to_owned(),
        monthly_credits: plan.monthly_credits,
        used_this_month: credits.used,
        credits_left: credits.left,
        reserved: credits.reserved,
        granted_left: credits.granted,
        resets_at: calendar::next_month(now),
    }
}

fn has_budget(request: &ReservationRequest) -> bool {
    let key = request.api_key.as_ref();
    key.is_some_and(|key| key.requests.is_some() || key.tokens.is_some())
}

fn reserved(request: ReservationRequest, monthly: Option<u64>, at: u64) -> Reserved {
    let prompt = u64::from(request.prompt_tokens);
    let reply = request.max_tokens.unwrap_or(DEFAULT_REPLY_TOKENS).max(1);
    Reserved {
        id: new_id(),
        wanted: prompt.saturating_add(u64::from(reply)),
        // The prompt, and one token of a reply.
        minimum: prompt.saturating_add(1),
        monthly,
        key: request.api_key.map(|key| KeyBudget {
            id: key.id,
            requests: key.requests,
            tokens: key.tokens,
        }),
        at,
    }
}

fn require_key_id(id: Option<&str>) -> Result<(), Error> {
    match id.is_none_or(|id| (1..=KEY_ID_BYTES_MAX).contains(&id.len())) {
        true => Ok(()),
        false => Err(invalid("API key id")),
    }
}

fn reservation_id(id: &str) -> Result<u64, Error> {
    u64::from_str_radix(id, 16).map_err(|_| invalid("reservation id"))
}

fn invalid(what: &str) -> Error {
    Error::Unavailable(format!("ledger: invalid {what}"))
}

fn new_id() -> u64 {
    uuid::Uuid::new_v4().as_u64_pair().0
}

/// The first eight bytes of the SHA-256 of a grant's id.
fn grant_id(id: &str) -> u64 {
    let hash = sha256_hex(&[id]);
    let first = hash.get(..16).unwrap_or_default();
    u64::from_str_radix(first, 16).unwrap_or_default()
}

fn one_line(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    truncate(&words.join(" "), REASON_BYTES_MAX).to_owned()
}
