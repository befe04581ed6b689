//! What is remembered of the use of models: by day, by API key and as transactions. All of it is
//! bounded, however long and however strangely a user lives.

use serde::{Deserialize, Serialize};

use super::facts::Settled;

/// How many days are kept, the current one included.
const DAYS: u32 = 90;
/// Rows of days and models; beyond, the oldest go first.
const MAX_ROWS: usize = 1000;
/// Models told apart; beyond, further ones are [`OTHER`].
const MAX_MODELS: usize = 64;
/// Longest name of a model, in bytes; longer ones are cut.
const MAX_MODEL_BYTES: usize = 80;
/// Keys whose use is kept; beyond, those that were used least recently go first.
const MAX_KEYS: usize = 200;
/// Transactions that are kept.
const MAX_TRANSACTIONS: usize = 200;
/// Bytes of grants' reasons; beyond, the oldest go first.
const MAX_REASONS_BYTES: usize = 24 * 1024;
/// Stands for models that are not told apart.
const OTHER: &str = "other";

/// A model by its place in [`History::models`], counted from 1; 0 is [`OTHER`].
type ModelNumber = usize;

/// A key by the fact that used it first, or first after keys came to have numbers.
type KeyNumber = u64;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct History {
    models: Vec<String>,
    /// Oldest first.
    days: Vec<Row>,
    keys: Vec<KeyUse>,
    /// What of `days` was used with keys, by key. Oldest first.
    #[serde(default)]
    days_of_keys: Vec<Row>,
    /// Oldest first.
    transactions: Vec<Transaction>,
}

/// The use of one model on one day; of all that, or of one key.
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
    /// In millionths of a US dollar; none where no price was known.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub(crate) cost: Option<u64>,
    /// Whether some of the tokens are an estimate.
    #[serde(rename = "e", default)]
    pub(crate) estimated: bool,
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    key: Option<KeyNumber>,
}

/// The use of one API key in its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyUse {
    pub(crate) id: String,
    #[serde(rename = "r")]
    pub(crate) requests: u64,
    #[serde(rename = "t")]
    pub(crate) tokens: u64,
    /// As in [`Row`].
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub(crate) cost: Option<u64>,
    /// Its name in rows of days; 0 if it has none yet.
    #[serde(rename = "f", default)]
    number: KeyNumber,
    /// The fact that used it last.
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
    Grant(u64, Option<String>),
    /// Whether the amount is our estimate comes last.
    Usage(u64, ModelNumber, bool),
    Plan(String),
}

impl History {
    /// Counts what was used on a day that is not before those of earlier calls.
    pub(crate) fn count(&mut self, number: u64, day: u32, used: &Settled) {
        let model = self.number_of(&used.model);
        let key = used.key.as_ref().map(|id| self.count_key(number, id, used));
        add(&mut self.days, Row::new(day, model, None), used);
        match key {
            Some(_) => add(&mut self.days_of_keys, Row::new(day, model, key), used),
            None => drop_old(&mut self.days_of_keys, day),
        }
    }

    /// Counts the use of a key; its number.
    fn count_key(&mut self, number: u64, id: &str, used: &Settled) -> KeyNumber {
        if !self.keys.iter().any(|key| key.id == id) {
            if self.keys.len() >= MAX_KEYS {
                let oldest = self.keys.iter().map(|key| key.last).min();
                self.keys.retain(|key| Some(key.last) != oldest);
            }
            self.keys.push(KeyUse {
                id: id.to_owned(),
                requests: 0,
                tokens: 0,
                cost: None,
                number,
                last: number,
            });
        }
        let mut found = number;
        for key in self.keys.iter_mut().filter(|key| key.id == id) {
            key.requests = key.requests.saturating_add(used.requests());
            key.tokens = key.tokens.saturating_add(used.amount());
            key.cost = sum(key.cost, used.cost);
            key.last = number;
            if key.number == 0 {
                key.number = number;
            }
            found = key.number;
        }
        found
    }

    pub(crate) fn note(&mut self, number: u64, at: u64, kind: Kind) {
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

    /// Notes a use that was counted.
    pub(crate) fn note_use(&mut self, number: u64, at: u64, used: &Settled) {
        let model = self.number_of(&used.model);
        self.note(
            number,
            at,
            Kind::Usage(used.amount(), model, used.estimated),
        );
    }

    /// The use of a key: requests and tokens.
    pub(crate) fn use_of(&self, id: &str) -> (u64, u64) {
        let found = self.keys.iter().find(|key| key.id == id);
        found.map_or((0, 0), |key| (key.requests, key.tokens))
    }

    pub(crate) fn keys(&self) -> &[KeyUse] {
        &self.keys
    }

    /// Newest day first, none that is too old on the day `today`.
    pub(crate) fn days(&self, today: u32) -> impl Iterator<Item = &Row> {
        let rows = self.days.iter().rev();
        rows.filter(move |row| row.day.saturating_add(DAYS) > today)
    }

    /// As [`History::days`], of one key.
    pub(crate) fn days_of(&self, key: &KeyUse, today: u32) -> impl Iterator<Item = &Row> {
        let number = key.number;
        let rows = self.days_of_keys.iter().rev();
        rows.filter(move |row| row.day.saturating_add(DAYS) > today && row.key == Some(number))
    }

    /// Newest first, those before the number `before`.
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
        let model = cut(model, MAX_MODEL_BYTES);
        if self.models.len() >= MAX_MODELS && !self.models.iter().any(|known| known == model) {
            self.forget_unused_models();
        }
        let place = self.models.iter().position(|known| known == model);
        let place = place.or_else(|| {
            let room = self.models.len() < MAX_MODELS;
            room.then(|| {
                self.models.push(model.to_owned());
                self.models.len().saturating_sub(1)
            })
        });
        place.map_or(0, |place| place.saturating_add(1))
    }

    fn forget_unused_models(&mut self) {
        let old = std::mem::take(&mut self.models);
        let mut renumber = |number: &mut ModelNumber| {
            let name = number.checked_sub(1).and_then(|place| old.get(place));
            let Some(name) = name else {
                *number = 0;
                return;
            };
            let place = self.models.iter().position(|known| known == name);
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

    fn add(&mut self, used: &Settled) {
        self.requests = self.requests.saturating_add(used.requests());
        self.prompt = self.prompt.saturating_add(u64::from(used.prompt));
        self.completion = self.completion.saturating_add(u64::from(used.completion));
        self.cached = self.cached.saturating_add(u64::from(used.cached));
        self.cost = sum(self.cost, used.cost);
        self.estimated |= used.estimated;
    }
}

impl Settled {
    /// Credits.
    pub(crate) fn amount(&self) -> u64 {
        u64::from(self.prompt).saturating_add(u64::from(self.completion))
    }

    /// How many requests of the user's it was.
    fn requests(&self) -> u64 {
        u64::from(!self.aside)
    }
}

/// Adds to the row that is like this one, or to it. The day is not before those of other rows.
fn add(rows: &mut Vec<Row>, like: Row, used: &Settled) {
    drop_old(rows, like.day);
    let today = rows.iter_mut().rev();
    let mut today = today.take_while(|row| row.day == like.day);
    match today.find(|row| row.model == like.model && row.key == like.key) {
        Some(row) => row.add(used),
        None => {
            if rows.len() >= MAX_ROWS {
                rows.remove(0);
            }
            let mut row = like;
            row.add(used);
            rows.push(row);
        }
    }
}

fn drop_old(rows: &mut Vec<Row>, day: u32) {
    rows.retain(|row| row.day.saturating_add(DAYS) > day && row.day <= day);
}

/// The sum of what is known.
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

/// The beginning of a text, in whole characters.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}
