//! What a stream follows, and reading what is new of it.

use contracts::messaging::connections::Owner;
use contracts::messaging::events::{self, History, Scope};
use contracts::messaging::types::Error;
use http_edge::ApiError;
use realtime_events::frame;
use serde_json::json;
use sse::Encoder;

use crate::cursor::Cursor;
use crate::settings;

/// Threads and channels of a stream. The proxy takes no more channels of its own on a connection.
const FOLLOWED_MAX: usize = 16;
/// Events that are sent of one thread or channel at once; a client that missed more loads it again.
const MISSED_MAX: u32 = 500;

pub(crate) struct Followed {
    pub(crate) owner: Owner,
    pub(crate) scopes: Vec<Scope>,
    cursor: Cursor,
}

/// The ids of a parameter, in canonical form.
fn ids(text: &str, what: &'static str) -> Result<Vec<String>, ApiError> {
    let ids = text.split(',').map(str::trim).filter(|id| !id.is_empty());
    ids.map(|id| http_edge::parse_uuid(id).ok_or(ApiError::NotFound(what)))
        .collect()
}

impl Followed {
    pub(crate) fn new(owner: Owner, threads: &str, channels: &str) -> Result<Self, ApiError> {
        let threads = ids(threads, "Thread")?;
        let channels = ids(channels, "Channel")?;
        if threads.len() + channels.len() > FOLLOWED_MAX {
            return Err(ApiError::invalid(
                "threads",
                "and channels are more than 16 together",
            ));
        }
        let mut scopes = vec![Scope::Feed];
        scopes.extend(threads.into_iter().map(Scope::Thread));
        scopes.extend(channels.into_iter().map(Scope::Channel));
        Ok(Self {
            owner,
            cursor: Cursor {
                epoch: String::new(),
                numbers: vec![None; scopes.len()],
            },
            scopes,
        })
    }

    pub(crate) fn cursor(&self) -> String {
        self.cursor.text()
    }

    pub(crate) fn set_cursor(&mut self, cursor: Cursor) {
        self.cursor = cursor;
    }

    async fn read(&self, scope: &Scope, after: Option<u64>) -> Result<History, Error> {
        let user = self.owner.user.clone();
        let oldest = settings::oldest().await;
        events::read(user, scope.clone(), after, MISSED_MAX, oldest).await
    }

    /// The beginning of a stream: from now on, or after the last event that the client has. A cursor that says
    /// nothing about what is followed is as one that is too old.
    pub(crate) async fn begin(&mut self, last: Option<&str>) -> Result<Vec<u8>, ApiError> {
        let known = last.map(|last| {
            let cursor = Cursor::parse(last);
            cursor.filter(|cursor| cursor.numbers.len() == self.scopes.len())
        });
        let mut heads = Vec::new();
        for scope in &self.scopes {
            let history = self
                .read(scope, None)
                .await
                .map_err(error_mapping::messaging)?;
            self.cursor.epoch = history.epoch;
            heads.push(Some(history.head));
        }
        let mut out = Encoder::new();
        match known {
            Some(Some(cursor)) if cursor.epoch == self.cursor.epoch => {
                // What was left before is followed again, since the request asks for it.
                let heads = heads.into_iter().zip(cursor.numbers);
                self.cursor.numbers = heads.map(|(head, known)| known.or(head)).collect();
                return self.advance().await;
            }
            Some(_) => {
                self.cursor.numbers = heads;
                self.reset(&mut out, None);
            }
            None => {
                self.cursor.numbers = heads;
                out.event("ready")
                    .id(&self.cursor())
                    .data("{\"type\":\"READY\"}");
            }
        }
        Ok(out.take())
    }

    /// What came since, and moves on.
    pub(crate) async fn advance(&mut self) -> Result<Vec<u8>, ApiError> {
        let mut out = Encoder::new();
        for (index, scope) in self.scopes.clone().into_iter().enumerate() {
            let Some(after) = self.number(index) else {
                continue;
            };
            match self.read(&scope, Some(after)).await {
                Ok(history) if !history.is_complete || history.epoch != self.cursor.epoch => {
                    self.cursor.epoch = history.epoch;
                    self.set_number(index, Some(history.head));
                    self.reset(&mut out, Some(&scope));
                }
                Ok(history) => {
                    for event in &history.events {
                        self.set_number(index, Some(event.number));
                        let user = self.owner.user.clone();
                        let shown = match &scope {
                            Scope::Thread(_) => realtime_events::Scope::Thread,
                            Scope::Channel(_) => realtime_events::Scope::Channel,
                            Scope::Feed => realtime_events::Scope::Feed(&user),
                        };
                        let frame = frame(event, &history.epoch, shown);
                        out.id(&self.cursor()).data(&frame);
                    }
                    self.set_number(index, Some(history.head));
                }
                Err(Error::NotFound(_) | Error::Forbidden(_)) => {
                    self.set_number(index, None);
                    let left = json!({ "type": "LEFT", "payload": named(&scope) });
                    out.event("left").id(&self.cursor()).data(&left.to_string());
                }
                Err(error) => return Err(error_mapping::messaging(error)),
            }
        }
        Ok(out.take())
    }

    /// Tells the client to load everything, or one thing, again.
    fn reset(&self, out: &mut Encoder, scope: Option<&Scope>) {
        let payload = scope.map_or_else(|| json!({}), named);
        let reset = json!({ "type": "RESET", "payload": payload });
        out.event("reset")
            .id(&self.cursor())
            .data(&reset.to_string());
    }

    fn number(&self, index: usize) -> Option<u64> {
        self.cursor.numbers.get(index).copied().flatten()
    }

    fn set_number(&mut self, index: usize, number: Option<u64>) {
        if let Some(place) = self.cursor.numbers.get_mut(index) {
            *place = number;
        }
    }

    /// What is still followed.
    pub(crate) fn current(&self) -> impl Iterator<Item = &Scope> {
        let numbers = self.cursor.numbers.iter();
        let scopes = self.scopes.iter().zip(numbers);
        scopes.filter_map(|(scope, number)| number.map(|_| scope))
    }
}

fn named(scope: &Scope) -> serde_json::Value {
    match scope {
        Scope::Thread(id) => json!({ "threadId": id }),
        Scope::Channel(id) => json!({ "channelId": id }),
        Scope::Feed => json!({ "feed": true }),
    }
}
