//! The state of a ledger: credits and reservations. It depends on nothing but the entries in their order,
//! so all readers agree on it, and on which reservations are granted.

use journal::Fold;
use serde::{Deserialize, Serialize};

use super::calendar;
use super::entries::{Entry, Reserved};
use super::history::{History, Kind};
use crate::exports::credits::LimitKind;

/// A reservation that is not settled expires after this long, in milliseconds. Longer than any reply takes;
/// a reservation whose writer died holds its user's credits for this long.
pub(crate) const RESERVATION_EXPIRY: u64 = 15 * 60_000;
/// Open reservations at the same time. Limits the size of the state.
const MAX_OPEN: usize = 400;
/// How long (milliseconds) and how many reservations are remembered after they were settled.
const REMEMBERED_FOR: u64 = 3_600_000;
const MAX_CLOSED: usize = 256;
/// How many ids of grants are remembered, so that each counts once.
const MAX_GRANTS: usize = 500;

/// The state of a user's ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The latest time in an entry. It never decreases, so neither does the month.
    time: u64,
    plan: Option<String>,
    /// The month of `used` and `used_granted`.
    month: u32,
    /// Credits of the plan used this month. More than the plan has if a reply took more than reserved.
    used: u64,
    /// Granted credits used this month.
    used_granted: u64,
    /// Granted credits that are left.
    granted: u64,
    /// Granted reservations.
    open: Vec<Open>,
    /// Reservations that were settled or released, and usage without a reservation.
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

/// Credits at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Credits {
    /// Used this month, granted ones included.
    pub(crate) used: u64,
    /// The credits that may be reserved; none if there is no limit.
    pub(crate) left: Option<u64>,
    pub(crate) reserved: u64,
    pub(crate) granted: u64,
}

impl Fold for State {
    const VERSION: u32 = 1;
    type Entry = Entry;

    fn apply(&mut self, number: u64, entry: Entry) {
        match entry {
            Entry::PlanSet { plan, at } => {
                self.advance(at);
                if self.plan.as_ref() != Some(&plan) {
                    let kind = Kind::Plan(plan.clone());
                    self.history.add_transaction(number, self.time, kind);
                    self.plan = Some(plan);
                }
            }
            Entry::Granted {
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
                self.history.add_transaction(number, self.time, kind);
            }
            Entry::Reserved(request) => {
                self.advance(request.at);
                self.reserve(request);
            }
            Entry::Settled(usage) => {
                self.advance(usage.at);
                if self.close(usage.id) {
                    self.charge(usage.amount(), usage.monthly);
                    let day = calendar::day_of(self.time);
                    self.history.count(number, day, &usage);
                    self.history.add_usage(number, self.time, &usage);
                }
            }
            Entry::Released { id, at } => {
                self.advance(at);
                self.close(id);
            }
            Entry::Erased { at } => {
                *self = Self::default();
                self.advance(at);
            }
        }
    }
}

impl State {
    pub(crate) fn plan(&self) -> Option<&str> {
        self.plan.as_deref()
    }

    /// The latest time in an entry.
    pub(crate) fn time(&self) -> u64 {
        self.time
    }

    /// Whether it has no content but a time, as after it was erased.
    pub(crate) fn is_blank(&self) -> bool {
        *self
            == Self {
                time: self.time,
                month: self.month,
                ..Self::default()
            }
    }

    /// The credits at the time `now`, under a plan with this many a month.
    pub(crate) fn credits(&self, monthly: Option<u64>, now: u64) -> Credits {
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
        Credits {
            used: used.saturating_add(used_granted),
            left,
            reserved,
            granted: self.granted,
        }
    }

    /// How many credits a reservation at the time `now` gets.
    ///
    /// # Errors
    /// The limit because of which it gets none.
    pub(crate) fn available(&self, request: &Reserved, now: u64) -> Result<u64, LimitKind> {
        let mut held = request.wanted.max(request.minimum);
        if let Some(key) = &request.key {
            let (mut requests, mut tokens) = self.history.usage_of_key(&key.id);
            for open in self.live(now) {
                if open.key.as_ref() == Some(&key.id) {
                    requests = requests.saturating_add(1);
                    tokens = tokens.saturating_add(open.held);
                }
            }
            if key.requests.is_some_and(|most| requests >= most) {
                return Err(LimitKind::ApiKeyRequests);
            }
            if let Some(most) = key.tokens {
                held = held.min(most.saturating_sub(tokens));
                if held < request.minimum {
                    return Err(LimitKind::ApiKeyTokens);
                }
            }
        }
        if let Some(left) = self.credits(request.monthly, now).left {
            held = held.min(left);
        }
        if held < request.minimum || self.live(now).count() >= MAX_OPEN {
            return Err(LimitKind::Credits);
        }
        Ok(held)
    }

    /// The credits of a granted reservation.
    pub(crate) fn held(&self, id: u64) -> Option<u64> {
        let open = self.open.iter().find(|open| open.id == id);
        open.map(|open| open.held)
    }

    /// The ids of the API keys in the ledger.
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
        open.filter(move |open| open.at.saturating_add(RESERVATION_EXPIRY) > now)
    }

    /// Advances the time to that of an entry.
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
            .retain(|open| open.at.saturating_add(RESERVATION_EXPIRY) > time);
        self.closed
            .retain(|closed| closed.at.saturating_add(REMEMBERED_FOR) > time);
    }

    fn reserve(&mut self, request: Reserved) {
        if self.is_closed(request.id) {
            return;
        }
        // A repeated reservation: its writer was late and appended it again.
        self.open.retain(|open| open.id != request.id);
        if let Ok(held) = self.available(&request, self.time) {
            self.open.push(Open {
                id: request.id,
                held,
                key: request.key.map(|key| key.id),
                at: self.time,
            });
        }
    }

    fn is_closed(&self, id: u64) -> bool {
        self.closed.iter().any(|closed| closed.id == id)
    }

    /// Ends a reservation, even if it is unknown (it may have expired). False if it had ended before.
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

    /// Charges the month's credits first, then granted ones. What exceeds both is charged to the month.
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

/// A settled entry, for tests.
#[cfg(test)]
pub(crate) fn settled(id: u64, tokens: u32, at: u64) -> super::entries::Settled {
    super::entries::Settled {
        id,
        model: "m".to_owned(),
        prompt: tokens,
        completion: 0,
        estimated: false,
        cached: 0,
        cost: None,
        background: false,
        key: None,
        monthly: None,
        at,
    }
}
