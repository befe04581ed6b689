//! Usage by day, usage by API key, and transactions. All of it has a bounded size, so that the state of a
//! ledger does.

use serde::{Deserialize, Serialize};

use super::entries::Settled;

/// How many days are kept, the current one included.
const DAYS: u32 = 90;
/// Most rows of days and models; the oldest are dropped first.
const MAX_ROWS: usize = 1000;
/// Most models that are kept apart; further ones are counted as [`OTHER`].
const MAX_MODELS: usize = 64;
/// Longest name of a model, in bytes; longer ones are truncated.
const MAX_MODEL_BYTES: usize = 80;
/// Most API keys whose usage is kept; the least recently used ones are dropped first.
const MAX_KEYS: usize = 200;
/// Most transactions that are kept.
const MAX_TRANSACTIONS: usize = 200;
/// Most bytes of grants' reasons; the oldest are dropped first.
const MAX_REASONS_BYTES: usize = 24 * 1024;
/// The name of models that are not kept apart.
const OTHER: &str = "other";

/// A model by its position in [`History::models`], counted from 1; 0 is [`OTHER`].
type ModelNumber = usize;

/// An API key by the number of the entry that first used it.
type KeyNumber = u64;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct History {
    models: Vec<String>,
    /// Oldest first.
    days: Vec<Row>,
    keys: Vec<KeyUsage>,
    /// The share of `days` of each API key. Oldest first.
    #[serde(default)]
    days_of_keys: Vec<Row>,
    /// Oldest first.
    transactions: Vec<Transaction>,
}

/// The usage of one model on one day: all of it, or that of one API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Row {
    #[serde(rename = "d")]
    pub(crate) day: u32,
    #[serde(rename = "m")]
    pub(crate) model: ModelNumber,
    #[serde(rename = "r")]
    pub(crate) requests: u64,
    #[serde(rename = "p")]
    pub(crate) prompt: u64,
    #[serde(rename = "c")]
    pub(crate) completion: u64,
    #[serde(rename = "h", default, skip_serializing_if = "is_zero")]
    pub(crate) cached: u64,
    /// Millionths of a US dollar; none if no price was known.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub(crate) cost: Option<u64>,
    /// Whether some of the tokens are an estimate.
    #[serde(rename = "e", default)]
    pub(crate) estimated: bool,
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    key: Option<KeyNumber>,
}

/// The usage of one API key in its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyUsage {
    pub(crate) id: String,
    #[serde(rename = "r")]
    pub(crate) requests: u64,
    #[serde(rename = "t")]
    pub(crate) tokens: u64,
    /// As in [`Row`].
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub(crate) cost: Option<u64>,
    /// Its number in the rows of days; 0 if it has none yet.
    #[serde(rename = "f", default)]
    number: KeyNumber,
    /// The number of the entry that last used it.
    #[serde(rename = "n")]
    last: u64,
}

/// One row of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Transaction {
    #[serde(rename = "n")]
    pub(crate) number: u64,
    #[serde(rename = "t")]
    pub(crate) at: u64,
    #[serde(rename = "k")]
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Amount and reason.
    Grant(u64, Option<String>),
    /// Amount, model, and whether the amount is an estimate of ours.
    Usage(u64, ModelNumber, bool),
    /// The new plan.
    Plan(String),
}

impl History {
    /// Counts usage on a day, which is not before those of earlier calls.
    pub(crate) fn count(&mut self, number: u64, day: u32, usage: &Settled) {
        let model = self.number_of(&usage.model);
        let key = usage
            .key
            .as_ref()
            .map(|id| self.count_key(number, id, usage));
        add(&mut self.days, Row::new(day, model, None), usage);
        match key {
            Some(_) => add(&mut self.days_of_keys, Row::new(day, model, key), usage),
            None => drop_old(&mut self.days_of_keys, day),
        }
    }

    /// Counts the usage of an API key and returns its number.
    fn count_key(&mut self, number: u64, id: &str, usage: &Settled) -> KeyNumber {
        if !self.keys.iter().any(|key| key.id == id) {
            if self.keys.len() >= MAX_KEYS {
                let oldest = self.keys.iter().map(|key| key.last).min();
                self.keys.retain(|key| Some(key.last) != oldest);
            }
            self.keys.push(KeyUsage {
                id: id.to_owned(),
                requests: 0,
                tokens: 0,
                cost: None,
                number,
                last: number,
            });
        }
        let mut key_number = number;
        for key in self.keys.iter_mut().filter(|key| key.id == id) {
            key.requests = key.requests.saturating_add(usage.requests());
            key.tokens = key.tokens.saturating_add(usage.amount());
            key.cost = sum(key.cost, usage.cost);
            key.last = number;
            if key.number == 0 {
                key.number = number;
            }
            key_number = key.number;
        }
        key_number
    }

    pub(crate) fn add_transaction(&mut self, number: u64, at: u64, kind: Kind) {
        if self.transactions.len() >= MAX_TRANSACTIONS {
            self.transactions.remove(0);
        }
        self.transactions.push(Transaction { number, at, kind });
        let mut bytes = 0_usize;
        for row in self.transactions.iter_mut().rev() {
            if let Kind::Grant(_, reason) = &mut row.kind {
                bytes = bytes.saturating_add(reason.as_ref().map_or(0, String::len));
                reason.take_if(|_| bytes > MAX_REASONS_BYTES);
            }
        }
    }

    /// Adds the transaction of a usage.
    pub(crate) fn add_usage(&mut self, number: u64, at: u64, usage: &Settled) {
        let model = self.number_of(&usage.model);
        self.add_transaction(
            number,
            at,
            Kind::Usage(usage.amount(), model, usage.estimated),
        );
    }

    /// The usage of an API key: requests and tokens.
    pub(crate) fn usage_of_key(&self, id: &str) -> (u64, u64) {
        let usage = self.keys.iter().find(|key| key.id == id);
        usage.map_or((0, 0), |key| (key.requests, key.tokens))
    }

    pub(crate) fn keys(&self) -> &[KeyUsage] {
        &self.keys
    }

    /// The last 90 days, counted from `today`, newest first.
    pub(crate) fn days(&self, today: u32) -> impl Iterator<Item = &Row> {
        let rows = self.days.iter().rev();
        rows.filter(move |row| row.day.saturating_add(DAYS) > today)
    }

    /// As [`History::days`], of one API key.
    pub(crate) fn days_of(&self, key: &KeyUsage, today: u32) -> impl Iterator<Item = &Row> {
        let number = key.number;
        let rows = self.days_of_keys.iter().rev();
        rows.filter(move |row| row.day.saturating_add(DAYS) > today && row.key == Some(number))
    }

    /// The transactions before the number `before`, newest first.
    pub(crate) fn transactions(&self, before: Option<u64>) -> impl Iterator<Item = &Transaction> {
        let before = before.unwrap_or(u64::MAX);
        let rows = self.transactions.iter().rev();
        rows.filter(move |row| row.number < before)
    }

    pub(crate) fn model(&self, number: ModelNumber) -> &str {
        let model = number
            .checked_sub(1)
            .and_then(|place| self.models.get(place));
        model.map_or(OTHER, String::as_str)
    }

    fn number_of(&mut self, model: &str) -> ModelNumber {
        let model = truncate(model, MAX_MODEL_BYTES);
        if self.models.len() >= MAX_MODELS && !self.models.iter().any(|existing| existing == model)
        {
            self.drop_unused_models();
        }
        let place = self.models.iter().position(|existing| existing == model);
        let place = place.or_else(|| {
            let room = self.models.len() < MAX_MODELS;
            room.then(|| {
                self.models.push(model.to_owned());
                self.models.len().saturating_sub(1)
            })
        });
        place.map_or(0, |place| place.saturating_add(1))
    }

    fn drop_unused_models(&mut self) {
        let old = std::mem::take(&mut self.models);
        let mut renumber = |number: &mut ModelNumber| {
            let name = number.checked_sub(1).and_then(|place| old.get(place));
            let Some(name) = name else {
                *number = 0;
                return;
            };
            let place = self.models.iter().position(|existing| existing == name);
            let place = place.unwrap_or_else(|| {
                self.models.push(name.clone());
                self.models.len().saturating_sub(1)
            });
            *number = place.saturating_add(1);
        };
        for row in self.days.iter_mut().chain(&mut self.days_of_keys) {
            renumber(&mut row.model);
        }
        for row in &mut self.transactions {
            if let Kind::Usage(_, model, _) = &mut row.kind {
                renumber(model);
            }
        }
    }
}

impl Row {
    fn new(day: u32, model: ModelNumber, key: Option<KeyNumber>) -> Self {
        Self {
            day,
            model,
            requests: 0,
            prompt: 0,
            completion: 0,
            cached: 0,
            cost: None,
            estimated: false,
            key,
        }
    }

    fn add(&mut self, usage: &Settled) {
        self.requests = self.requests.saturating_add(usage.requests());
        self.prompt = self.prompt.saturating_add(u64::from(usage.prompt));
        self.completion = self.completion.saturating_add(u64::from(usage.completion));
        self.cached = self.cached.saturating_add(u64::from(usage.cached));
        self.cost = sum(self.cost, usage.cost);
        self.estimated |= usage.estimated;
    }
}

/// Adds usage to the row of the same day, model and key, or as a new row. The day is not before those of
/// other rows.
fn add(rows: &mut Vec<Row>, new: Row, usage: &Settled) {
    drop_old(rows, new.day);
    let today = rows.iter_mut().rev();
    let mut today = today.take_while(|row| row.day == new.day);
    match today.find(|row| row.model == new.model && row.key == new.key) {
        Some(row) => row.add(usage),
        None => {
            if rows.len() >= MAX_ROWS {
                rows.remove(0);
            }
            let mut row = new;
            row.add(usage);
            rows.push(row);
        }
    }
}

fn drop_old(rows: &mut Vec<Row>, day: u32) {
    rows.retain(|row| row.day.saturating_add(DAYS) > day && row.day <= day);
}

/// The sum of the costs that are known.
fn sum(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.saturating_add(other)),
        (one, other) => one.or(other),
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The first `most` bytes of a text, in whole characters.
pub(crate) fn truncate(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}
