//! Reading the ledger and appending to it: the contract's `credits`, over any platform.

use journal::{Journal, Platform, View};
use sha2::{Digest, Sha256};

use super::facts::{Fact, KeyBudget, Reserved, Settled};
use super::history::cut;
use super::state::{Balance, Bound, Ledger};
use crate::plans::Plans;

/// What a reply is thought to take at most where the client sets no bound, in tokens.
const USUAL_REPLY: u32 = 4096;
/// Longest user id: longer ones would not leave room for the rest of a key (255 bytes).
const MAX_USER_BYTES: usize = 128;
/// Longest id of an API key, in bytes. They are UUIDs.
const MAX_KEY_BYTES: usize = 64;
/// Longest reason of a grant, in bytes; longer ones are cut.
const MAX_REASON_BYTES: usize = 800;
/// A snapshot is written after so many facts at the earliest, and after one for every so many of
/// its bytes, so that what is written stays in proportion to what is added.
const SNAPSHOT_AFTER: u64 = 16;
const BYTES_PER_FACT: u64 = 4 * 1024;
/// How many facts a reservation, which is somebody's first word waiting, leaves to others.
const PATIENCE: u64 = 64;

/// Why something could not be done; the contract's `error`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Error {
    Spent(Bound),
    UnknownPlan(String),
    Unavailable(String),
}

impl From<journal::Error> for Error {
    fn from(error: journal::Error) -> Self {
        Self::Unavailable(format!("ledger: {error}"))
    }
}

/// What is about to be asked of a model.
#[derive(Debug, Clone)]
pub(crate) struct Intent {
    pub(crate) key: Option<KeyBudget>,
    /// Tokens.
    pub(crate) prompt: u32,
    /// The client's bound on the reply, in tokens.
    pub(crate) max_tokens: Option<u32>,
}

/// Leave to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reservation {
    /// None where nothing is limited.
    pub(crate) id: Option<u64>,
    /// Bound on the reply, in tokens.
    pub(crate) max_tokens: Option<u32>,
}

/// What was used.
#[derive(Debug, Clone)]
pub(crate) struct Consumption {
    pub(crate) model: String,
    pub(crate) prompt: u32,
    pub(crate) completion: u32,
    /// Of `prompt`.
    pub(crate) cached: u32,
    pub(crate) estimated: bool,
    /// In millionths of a US dollar.
    pub(crate) cost: Option<u64>,
    pub(crate) key: Option<String>,
    /// No request of the user's.
    pub(crate) aside: bool,
}

/// Where a user stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) plan: String,
    pub(crate) monthly: Option<u64>,
    pub(crate) balance: Balance,
    /// When the month ends.
    pub(crate) resets_at: u64,
}

/// The ledger of a user.
pub(crate) fn journal_of<P: Platform>(platform: P, user: &str) -> Result<Journal<P>, Error> {
    let fits = (1..=MAX_USER_BYTES).contains(&user.len());
    let clean = user
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
    if !fits || !clean {
        return Err(Error::Unavailable("ledger: not a user id".to_owned()));
    }
    Ok(Journal::new(platform, format!("quota:u:{user}")))
}

impl Intent {
    /// Leave to ask that needs no ledger: nothing that applies to this intent is limited under any
    /// plan.
    pub(crate) fn without_limit(&self, plans: &Plans) -> Option<Reservation> {
        let free = !plans.limit_credits() && !self.has_budget();
        free.then_some(Reservation {
            id: None,
            max_tokens: self.max_tokens,
        })
    }

    fn has_budget(&self) -> bool {
        let key = self.key.as_ref();
        key.is_some_and(|key| key.requests.is_some() || key.tokens.is_some())
    }

    fn reserved(self, monthly: Option<u64>, at: u64) -> Reserved {
        let prompt = u64::from(self.prompt);
        let reply = self.max_tokens.unwrap_or(USUAL_REPLY).max(1);
        Reserved {
            id: new_id(),
            want: prompt.saturating_add(u64::from(reply)),
            least: prompt.saturating_add(1),
            monthly,
            key: self.key,
            at,
        }
    }
}

/// Holds what the intent may cost.
pub(crate) async fn reserve<P: Platform>(
    journal: &Journal<P>,
    plans: &Plans,
    intent: Intent,
) -> Result<Reservation, Error> {
    let mut view = journal.read::<Ledger>().await?;
    let (_, plan) = plans.of(view.state.plan());
    let (prompt, max_tokens) = (intent.prompt, intent.max_tokens);
    if plan.monthly_credits.is_none() && !intent.has_budget() {
        let id = None;
        return Ok(Reservation { id, max_tokens });
    }
    require_key_id(intent.key.as_ref().map(|key| key.id.as_str()))?;
    let now = journal.platform().now();
    let asked = intent.reserved(plan.monthly_credits, now);
    // What cannot be had is refused before anything is written.
    view.state.room_for(&asked, now).map_err(Error::Spent)?;
    let fact = Fact::Reserved(asked.clone());
    journal.append(&mut view, &fact).await?;
    let Some(held) = view.state.held(asked.id) else {
        // Another one came first.
        let met = view.state.room_for(&asked, now).err();
        return Err(Error::Spent(met.unwrap_or(Bound::Credits)));
    };
    if view.tail() > PATIENCE {
        tidy(journal, &mut view).await;
    }
    let bounds_tokens =
        asked.monthly.is_some() || asked.key.is_some_and(|key| key.tokens.is_some());
    let reply = u32::try_from(held.saturating_sub(u64::from(prompt))).unwrap_or(u32::MAX);
    Ok(Reservation {
        id: Some(asked.id),
        max_tokens: bounds_tokens.then_some(reply).or(max_tokens),
    })
}

/// Charges what was used, in place of what a reservation held. Without `plans` (they cannot be
/// read) it is charged to the month.
pub(crate) async fn settle<P: Platform>(
    journal: &Journal<P>,
    plans: Option<&Plans>,
    reservation: Option<u64>,
    used: Consumption,
) -> Result<(), Error> {
    require_key_id(used.key.as_deref())?;
    let mut view = journal.read::<Ledger>().await?;
    let plan = plans.map(|plans| plans.of(view.state.plan()).1);
    let fact = Fact::Settled(Settled {
        id: reservation.unwrap_or_else(new_id),
        model: cut(&used.model, MAX_KEY_BYTES * 2).to_owned(),
        prompt: used.prompt,
        completion: used.completion,
        estimated: used.estimated,
        cached: used.cached,
        cost: used.cost,
        aside: used.aside,
        key: used.key,
        monthly: plan.and_then(|plan| plan.monthly_credits),
        at: journal.platform().now(),
    });
    append(journal, &mut view, &fact).await
}

/// Gives a reservation back.
pub(crate) async fn release<P: Platform>(journal: &Journal<P>, id: u64) -> Result<(), Error> {
    let mut view = journal.read::<Ledger>().await?;
    let at = journal.platform().now();
    append(journal, &mut view, &Fact::Released { id, at }).await
}

pub(crate) async fn read<P: Platform>(journal: &Journal<P>) -> Result<Ledger, Error> {
    Ok(journal.read::<Ledger>().await?.state)
}

/// Where the ledger's user stands at the time `now`.
pub(crate) fn standing(ledger: &Ledger, plans: &Plans, now: u64) -> Standing {
    let (name, plan) = plans.of(ledger.plan());
    Standing {
        plan: name.to_owned(),
        monthly: plan.monthly_credits,
        balance: ledger.balance(plan.monthly_credits, now),
        resets_at: super::calendar::next_month(now),
    }
}

pub(crate) async fn set_plan<P: Platform>(
    journal: &Journal<P>,
    plans: &Plans,
    plan: String,
) -> Result<Standing, Error> {
    if !plans.has(&plan) {
        return Err(Error::UnknownPlan(plans.names().join(", ")));
    }
    let mut view = journal.read::<Ledger>().await?;
    let at = journal.platform().now();
    if view.state.plan() != Some(plan.as_str()) {
        append(journal, &mut view, &Fact::PlanSet { plan, at }).await?;
    }
    Ok(standing(&view.state, plans, at))
}

pub(crate) async fn grant<P: Platform>(
    journal: &Journal<P>,
    plans: &Plans,
    id: &str,
    amount: u64,
    reason: Option<String>,
) -> Result<Standing, Error> {
    let mut view = journal.read::<Ledger>().await?;
    let at = journal.platform().now();
    let fact = Fact::Granted {
        id: hash_of(id),
        amount,
        reason: reason.map(|reason| one_line(&reason)),
        at,
    };
    append(journal, &mut view, &fact).await?;
    Ok(standing(&view.state, plans, at))
}

/// Erases all that the ledger says. What stays are numbered facts that say nothing but when it was
/// forgotten, so that readers under way do not bring anything back. Answers the ids of the API
/// keys that it knew of.
pub(crate) async fn forget<P: Platform>(journal: &Journal<P>) -> Result<Vec<String>, Error> {
    let mut view = journal.read::<Ledger>().await?;
    let keys = view.state.key_ids().map(str::to_owned).collect();
    if view.position() == 0 {
        return Ok(keys);
    }
    // An earlier call may have come no further than this.
    if !view.state.is_blank() {
        let at = journal.platform().now();
        journal.append(&mut view, &Fact::Forgotten { at }).await?;
    }
    save(journal, &mut view).await?;
    let at = view.state.time();
    let blank = journal.encode_entry::<Ledger>(&Fact::Forgotten { at })?;
    let numbers: Vec<u64> = (view.erased().saturating_add(1)..=view.position()).collect();
    for batch in numbers.chunks(journal::BATCH_MAX) {
        let pairs = batch.iter().map(|n| (journal.entry_key(*n), blank.clone()));
        journal.platform().set_many(pairs.collect()).await?;
    }
    Ok(keys)
}

/// Appends a fact, and sees to the snapshot. The fact is what counts: a snapshot that fails is
/// made up for by the next one.
async fn append<P: Platform>(
    journal: &Journal<P>,
    view: &mut View<Ledger>,
    fact: &Fact,
) -> Result<(), Error> {
    journal.append(view, fact).await?;
    tidy(journal, view).await;
    Ok(())
}

async fn tidy<P: Platform>(journal: &Journal<P>, view: &mut View<Ledger>) {
    let bytes = u64::try_from(view.snapshot_bytes()).unwrap_or(u64::MAX);
    let due = view.tail() >= SNAPSHOT_AFTER && view.tail().saturating_mul(BYTES_PER_FACT) >= bytes;
    if due {
        let _ = save(journal, view).await;
    }
}

async fn save<P: Platform>(journal: &Journal<P>, view: &mut View<Ledger>) -> Result<(), Error> {
    journal.erase_settled(view, |_| Vec::new()).await?;
    if let Some((key, value)) = journal.snapshot(view) {
        journal.platform().set(&key, &value).await?;
    }
    Ok(())
}

fn require_key_id(id: Option<&str>) -> Result<(), Error> {
    match id.is_none_or(|id| (1..=MAX_KEY_BYTES).contains(&id.len())) {
        true => Ok(()),
        false => Err(Error::Unavailable("ledger: not an API key's id".to_owned())),
    }
}

fn new_id() -> u64 {
    uuid::Uuid::new_v4().as_u64_pair().0
}

/// The first eight bytes of the SHA-256 of a grant's id.
fn hash_of(id: &str) -> u64 {
    let hash = Sha256::digest(id);
    hash.iter()
        .take(8)
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn one_line(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    cut(&words.join(" "), MAX_REASON_BYTES).to_owned()
}
