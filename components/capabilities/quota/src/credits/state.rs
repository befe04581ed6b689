//! What the facts of a ledger amount to. Readers agree on it, since it depends on nothing but the
//! facts in their order; above all they agree on which reservations hold.

use journal::Fold;
use serde::{Deserialize, Serialize};

use super::calendar;
use super::facts::{Fact, Reserved};
use super::history::{History, Kind};

/// A reservation that is not settled counts for so long, in milliseconds: longer than any reply
/// takes, since those of writers that died hold up their user's credits.
pub(crate) const LAPSE: u64 = 15 * 60_000;
/// Reservations under way at once. They are spent within minutes; this only bounds the state.
const MAX_OPEN: usize = 400;
/// How long it is remembered that a reservation was settled, and how many are remembered.
const REMEMBER: u64 = 3_600_000;
const MAX_CLOSED: usize = 256;
/// Grants whose ids are remembered, so that each counts once.
const MAX_GRANTS: usize = 500;

/// A user's ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ledger {
    /// The latest time that a fact told; it does not go back, so neither do months.
    time: u64,
    plan: Option<String>,
    /// The month that what was used is of.
    month: u32,
    /// Of the plan's credits; more than there are, if a reply took more than was foreseen.
    used: u64,
    /// Of granted credits, this month.
    used_granted: u64,
    /// What is left of granted credits.
    granted: u64,
    /// Reservations that hold.
    open: Vec<Open>,
    /// Reservations that were settled or released, and uses that had none.
    closed: Vec<Closed>,
    grants: Vec<u64>,
    pub(crate) history: History,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Open {
    #[serde(rename = "i")]
    id: u64,
    #[serde(rename = "h")]
    held: u64,
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(rename = "t")]
    at: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Closed {
    #[serde(rename = "i")]
    id: u64,
    #[serde(rename = "t")]
    at: u64,
}

/// Which bound was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    Credits,
    KeyRequests,
    KeyTokens,
}

/// Where the user stands at a moment, under a plan with or without a monthly limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Balance {
    /// This month, granted credits included.
    pub(crate) used: u64,
    /// What may be reserved; none where there is no limit.
    pub(crate) left: Option<u64>,
    pub(crate) reserved: u64,
    pub(crate) granted: u64,
}

impl Fold for Ledger {
    const VERSION: u32 = 1;
    type Entry = Fact;

    fn apply(&mut self, number: u64, fact: Fact) {
        match fact {
            Fact::PlanSet { plan, at } => {
                self.advance(at);
                if self.plan.as_ref() != Some(&plan) {
                    let kind = Kind::Plan(plan.clone());
                    self.history.note(number, self.time, kind);
                    self.plan = Some(plan);
                }
            }
            Fact::Granted {
                id,
                amount,
                reason,
                at,
            } => {
                self.advance(at);
                if self.grants.contains(&id) {
                    return;
                }
                if self.grants.len() >= MAX_GRANTS {
                    self.grants.remove(0);
                }
                self.grants.push(id);
                self.granted = self.granted.saturating_add(amount);
                let kind = Kind::Grant(amount, reason);
                self.history.note(number, self.time, kind);
            }
            Fact::Reserved(asked) => {
                self.advance(asked.at);
                self.take_reservation(asked);
            }
            Fact::Settled(used) => {
                self.advance(used.at);
                if self.close(used.id) {
                    self.charge(used.amount(), used.monthly);
                    let day = calendar::day_of(self.time);
                    self.history.count(number, day, &used);
                    self.history.note_use(number, self.time, &used);
                }
            }
            Fact::Released { id, at } => {
                self.advance(at);
                self.close(id);
            }
            Fact::Forgotten { at } => {
                *self = Self::default();
                self.advance(at);
            }
        }
    }
}

impl Ledger {
    pub(crate) fn plan(&self) -> Option<&str> {
        self.plan.as_deref()
    }

    /// The latest time that a fact told.
    pub(crate) fn time(&self) -> u64 {
        self.time
    }

    /// Whether it says nothing but a time, as after it was forgotten.
    pub(crate) fn is_blank(&self) -> bool {
        *self
            == Self {
                time: self.time,
                month: self.month,
                ..Self::default()
            }
    }

    /// Where the user stands at the time `now`, under a plan with this limit.
    pub(crate) fn balance(&self, monthly: Option<u64>, now: u64) -> Balance {
        let (used, used_granted) = match self.is_this_month(now) {
            true => (self.used, self.used_granted),
            false => (0, 0),
        };
        let live = self.live(now);
        let reserved = live.fold(0, |sum: u64, open| sum.saturating_add(open.held));
        let left = monthly.map(|monthly| {
            let of_month = monthly.saturating_sub(used);
            of_month
                .saturating_add(self.granted)
                .saturating_sub(reserved)
        });
        Balance {
            used: used.saturating_add(used_granted),
            left,
            reserved,
            granted: self.granted,
        }
    }

    /// What a reservation made now would hold, or the bound that it meets.
    pub(crate) fn room_for(&self, asked: &Reserved, now: u64) -> Result<u64, Bound> {
        let mut held = asked.want.max(asked.least);
        if let Some(key) = &asked.key {
            let (mut requests, mut tokens) = self.history.use_of(&key.id);
            for open in self.live(now) {
                if open.key.as_ref() == Some(&key.id) {
                    requests = requests.saturating_add(1);
                    tokens = tokens.saturating_add(open.held);
                }
            }
            if key.requests.is_some_and(|most| requests >= most) {
                return Err(Bound::KeyRequests);
            }
            if let Some(most) = key.tokens {
                held = held.min(most.saturating_sub(tokens));
                if held < asked.least {
                    return Err(Bound::KeyTokens);
                }
            }
        }
        if let Some(left) = self.balance(asked.monthly, now).left {
            held = held.min(left);
        }
        if held < asked.least || self.live(now).count() >= MAX_OPEN {
            return Err(Bound::Credits);
        }
        Ok(held)
    }

    /// What a reservation holds; none when it does not.
    pub(crate) fn held(&self, id: u64) -> Option<u64> {
        let open = self.open.iter().find(|open| open.id == id);
        open.map(|open| open.held)
    }

    /// The API keys that the ledger knows of.
    pub(crate) fn key_ids(&self) -> impl Iterator<Item = &str> {
        let used = self.history.keys().iter().map(|key| key.id.as_str());
        used.chain(self.open.iter().filter_map(|open| open.key.as_deref()))
    }

    fn is_this_month(&self, now: u64) -> bool {
        calendar::month_of(now.max(self.time)) == self.month
    }

    fn live(&self, now: u64) -> impl Iterator<Item = &Open> {
        let now = now.max(self.time);
        let open = self.open.iter();
        open.filter(move |open| open.at.saturating_add(LAPSE) > now)
    }

    /// Lets time pass up to a fact's.
    fn advance(&mut self, at: u64) {
        self.time = self.time.max(at);
        let time = self.time;
        let month = calendar::month_of(time);
        if month != self.month {
            self.month = month;
            self.used = 0;
            self.used_granted = 0;
        }
        self.open
            .retain(|open| open.at.saturating_add(LAPSE) > time);
        self.closed
            .retain(|closed| closed.at.saturating_add(REMEMBER) > time);
    }

    fn take_reservation(&mut self, asked: Reserved) {
        if self.is_closed(asked.id) {
            return;
        }
        // The same reservation again: its writer was late and has appended it anew.
        self.open.retain(|open| open.id != asked.id);
        if let Ok(held) = self.room_for(&asked, self.time) {
            self.open.push(Open {
                id: asked.id,
                held,
                key: asked.key.map(|key| key.id),
                at: self.time,
            });
        }
    }

    fn is_closed(&self, id: u64) -> bool {
        self.closed.iter().any(|closed| closed.id == id)
    }

    /// Ends a reservation, whether or not it is known (it may have lapsed). False when it had
    /// ended before.
    fn close(&mut self, id: u64) -> bool {
        if self.is_closed(id) {
            return false;
        }
        if self.closed.len() >= MAX_CLOSED {
            self.closed.remove(0);
        }
        let at = self.time;
        self.closed.push(Closed { id, at });
        self.open.retain(|open| open.id != id);
        true
    }

    /// Takes the month's credits first, then granted ones; what neither covers is the month's
    /// debt.
    fn charge(&mut self, amount: u64, monthly: Option<u64>) {
        let of_month = match monthly {
            Some(monthly) => monthly.saturating_sub(self.used).min(amount),
            None => amount,
        };
        let beyond = amount.saturating_sub(of_month);
        let of_granted = beyond.min(self.granted);
        self.granted = self.granted.saturating_sub(of_granted);
        self.used_granted = self.used_granted.saturating_add(of_granted);
        self.used = self.used.saturating_add(amount.saturating_sub(of_granted));
    }
}

/// A settled use with nothing in it, for tests.
#[cfg(test)]
pub(crate) fn used(id: u64, tokens: u32, at: u64) -> super::facts::Settled {
    super::facts::Settled {
        id,
        model: "m".to_owned(),
        prompt: tokens,
        completion: 0,
        estimated: false,
        cached: 0,
        cost: None,
        aside: false,
        key: None,
        monthly: None,
        at,
    }
}
