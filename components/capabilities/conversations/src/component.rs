//! The component: the contract's types on one side, ours on the other.

use std::cell::Cell;

use journal::{Journal, Spin};

use crate::error::Error;
use crate::facts::{Outcome, Preferences, Request, Theme, Usage};
use crate::following::{News, Reader, Standing, Started};
use crate::ids;
use crate::library;
use crate::preferences;
use crate::state::{Conversation, Turn};
use crate::stopping;
use crate::turn::{Beginning, Exchange, Intent, Named};
use bindings::exports::goldfish::conversations::library::Guest as Library;
use bindings::exports::goldfish::conversations::preferences::Guest as PreferencesGuest;
use bindings::exports::goldfish::conversations::replies::{self, Guest as Replies, GuestReader};
use bindings::exports::goldfish::conversations::turns::{self, Guest as Turns, GuestTurn};
use bindings::exports::goldfish::conversations::types as wit;
use bindings::exports::goldfish::conversations::user_data::Guest as UserData;

#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::all,
    clippy::restriction,
    reason = "generated"
)]
mod bindings {
    wit_bindgen::generate!({
        world: "conversations",
        path: "../../../wit/conversations",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        generate_all,
    });
    use super::Component;
    export!(Component);
}

/// Where `max_conversations` is not set or makes no sense.
const MAX_CONVERSATIONS: u32 = 3;

/// The index of a user's conversations must fit into one snapshot.
const MAX_CONVERSATIONS_MOST: u32 = 100;

struct Component;

/// A turn, taken out of its place while it works.
struct TurnResource(Cell<Option<Exchange<Spin>>>);

/// A reader, taken out of its place while it looks.
struct ReaderResource(Cell<Option<Reader<Spin>>>);

async fn journal_of(user: &str) -> Result<Journal<Spin>, Error> {
    ids::journal_of(Spin::open_default().await?, user)
}

impl Library for Component {
    async fn list_conversations(user: String) -> Result<Vec<wit::Conversation>, wit::Error> {
        let journal = journal_of(&user).await?;
        let found = library::list(&journal).await?;
        Ok(found.into_iter().map(conversation).collect())
    }

    async fn list_summaries(user: String) -> Result<Vec<wit::Summary>, wit::Error> {
        let journal = journal_of(&user).await?;
        let found = library::summaries(&journal).await?;
        Ok(found
            .into_iter()
            .map(|found| conversation_parts(found).0)
            .collect())
    }

    async fn get_conversation(user: String, id: String) -> Result<wit::Conversation, wit::Error> {
        let journal = journal_of(&user).await?;
        Ok(conversation(library::get(&journal, &id).await?))
    }

    async fn rename(user: String, id: String, title: String) -> Result<wit::Summary, wit::Error> {
        let journal = journal_of(&user).await?;
        let renamed = library::rename(&journal, &id, &title).await?;
        Ok(conversation_parts(renamed).0)
    }

    async fn suggest_title(user: String, id: String, title: String) -> Result<(), wit::Error> {
        let journal = journal_of(&user).await?;
        Ok(library::suggest_title(&journal, &id, &title).await?)
    }

    async fn delete(user: String, id: String) -> Result<(), wit::Error> {
        let journal = journal_of(&user).await?;
        Ok(library::delete(&journal, &id).await?)
    }

    async fn clear(user: String) -> Result<(), wit::Error> {
        let journal = journal_of(&user).await?;
        Ok(library::clear(&journal).await?)
    }

    async fn capacity() -> u32 {
        max_conversations().await
    }

    async fn check() -> Result<(), wit::Error> {
        let platform = Spin::open_default().await.map_err(Error::from)?;
        Ok(library::check(&platform).await?)
    }
}

impl UserData for Component {
    async fn erase(user: String) -> Result<(), String> {
        let journal = journal_of(&user).await.map_err(cause)?;
        library::clear(&journal).await.map_err(cause)
    }

    async fn check() -> Result<(), String> {
        let store = Spin::open_default().await;
        let store = store.map_err(|error| error.to_string())?;
        library::check(&store).await.map_err(cause)
    }
}

/// For the log.
fn cause(error: Error) -> String {
    match error {
        Error::Unavailable(cause) | Error::Invalid(cause) | Error::Conflict(cause) => cause,
        Error::NotFound => "not found".to_owned(),
    }
}

impl PreferencesGuest for Component {
    async fn get_preferences(user: String) -> Result<wit::PreferenceValues, wit::Error> {
        let journal = journal_of(&user).await?;
        Ok(values(preferences::get(&journal).await?))
    }

    async fn update_preferences(
        user: String,
        changes: wit::PreferenceValues,
    ) -> Result<wit::PreferenceValues, wit::Error> {
        let journal = journal_of(&user).await?;
        let changes = Preferences {
            default_model: changes.default_model,
            theme: changes.theme.map(|theme| match theme {
                wit::Theme::Light => Theme::Light,
                wit::Theme::Dark => Theme::Dark,
            }),
            system_prompt: changes.system_prompt,
        };
        Ok(values(preferences::update(&journal, changes).await?))
    }
}

impl Turns for Component {
    type Turn = TurnResource;
}

impl TurnResource {
    fn take(&self) -> Result<Exchange<Spin>, Error> {
        let taken = self.0.take();
        taken.ok_or_else(|| Error::Unavailable("the turn is busy".to_owned()))
    }

    fn look<T: Default>(&self, look: impl FnOnce(&Exchange<Spin>) -> T) -> T {
        let Some(exchange) = self.0.take() else {
            return T::default();
        };
        let seen = look(&exchange);
        self.0.set(Some(exchange));
        seen
    }
}

impl GuestTurn for TurnResource {
    async fn open(
        user: String,
        conversation: Option<String>,
        key: Option<turns::RequestKey>,
    ) -> Result<turns::Turn, wit::Error> {
        let journal = journal_of(&user).await?;
        let request = key.map(request).transpose()?;
        let exchange = Exchange::open(journal, conversation.as_deref(), request).await?;
        Ok(turns::Turn::new(Self(Cell::new(Some(exchange)))))
    }

    async fn open_again(
        user: String,
        conversation: String,
        key: Option<turns::RequestKey>,
    ) -> Result<turns::Turn, wit::Error> {
        let journal = journal_of(&user).await?;
        let request = key.map(request).transpose()?;
        let exchange = Exchange::open_again(journal, &conversation, request).await?;
        Ok(turns::Turn::new(Self(Cell::new(Some(exchange)))))
    }

    async fn open_named(
        user: String,
        conversation: String,
        message: turns::NamedMessage,
        key: Option<turns::RequestKey>,
    ) -> Result<turns::Turn, wit::Error> {
        let journal = journal_of(&user).await?;
        let request = key.map(request).transpose()?;
        let intent = match message.intent {
            turns::Intent::Add => Intent::Add,
            turns::Intent::Change => Intent::Change,
            turns::Intent::Again => Intent::Again,
        };
        let named = Named::new(message.name, message.before, intent)?;
        let exchange = Exchange::open_named(journal, &conversation, named, request).await?;
        Ok(turns::Turn::new(Self(Cell::new(Some(exchange)))))
    }

    fn repeats(&self) -> Option<turns::Started> {
        self.look(|exchange| exchange.repeats().cloned().map(started))
    }

    fn history(&self) -> Vec<wit::Message> {
        self.look(|exchange| exchange.history().cloned().flat_map(messages).collect())
    }

    fn question(&self) -> Option<String> {
        self.look(|exchange| exchange.question().map(str::to_owned))
    }

    fn model(&self) -> Option<String> {
        self.look(|exchange| exchange.model().map(str::to_owned))
    }

    fn preferences(&self) -> wit::PreferenceValues {
        let found = self.look(|exchange| exchange.preferences().clone());
        values(found)
    }

    async fn begin(&self, message: String, model: String) -> Result<turns::Beginning, wit::Error> {
        let limit = max_conversations().await;
        let mut exchange = self.take()?;
        let begun = exchange.begin(message, model, limit).await;
        self.0.set(Some(exchange));
        Ok(match begun? {
            Beginning::Started(found) => turns::Beginning::Started(started(found)),
            Beginning::Repeated(found) => turns::Beginning::Repeated(started(found)),
        })
    }

    async fn append(&self, pieces: Vec<String>) -> Result<(), wit::Error> {
        let mut exchange = self.take()?;
        let appended = exchange.append(&pieces).await;
        self.0.set(Some(exchange));
        Ok(appended?)
    }

    async fn heed(&self) -> Result<turns::Notice, wit::Error> {
        let mut exchange = self.take()?;
        let notice = exchange.heed().await;
        self.0.set(Some(exchange));
        let notice = notice?;
        Ok(turns::Notice {
            followed: notice.followed,
            stopped: notice.stopped,
        })
    }

    async fn finish(
        &self,
        outcome: turns::Outcome,
        content: String,
        pieces: Vec<u32>,
        usage: Option<turns::Usage>,
        model: Option<String>,
    ) -> Result<(), wit::Error> {
        let mut exchange = self.take()?;
        if let Some(model) = model {
            exchange.answered_by(model);
        }
        let outcome = match outcome {
            turns::Outcome::Complete => Outcome::Complete,
            turns::Outcome::Stopped => Outcome::Stopped,
            turns::Outcome::Incomplete => Outcome::Incomplete,
        };
        let usage = usage.map(|usage| Usage {
            prompt: usage.prompt_tokens,
            completion: usage.completion_tokens,
            estimated: usage.estimated,
        });
        let finished = exchange.finish(outcome, &content, pieces, usage).await;
        self.0.set(Some(exchange));
        Ok(finished?)
    }
}

impl Replies for Component {
    type Reader = ReaderResource;

    async fn stop(user: String, conversation: String) -> Result<bool, wit::Error> {
        let journal = journal_of(&user).await?;
        Ok(stopping::stop(&journal, &conversation).await?)
    }
}

impl ReaderResource {
    fn take(&self) -> Result<Reader<Spin>, Error> {
        let taken = self.0.take();
        taken.ok_or_else(|| Error::Unavailable("the reader is busy".to_owned()))
    }

    /// What is known without looking; `otherwise` while somebody looks.
    fn know<T>(&self, otherwise: T, know: impl FnOnce(&Reader<Spin>) -> T) -> T {
        let Some(reader) = self.0.take() else {
            return otherwise;
        };
        let known = know(&reader);
        self.0.set(Some(reader));
        known
    }
}

impl GuestReader for ReaderResource {
    async fn open(
        user: String,
        conversation: String,
        reply: Option<String>,
        after: u64,
    ) -> Result<replies::Reader, wit::Error> {
        let journal = journal_of(&user).await?;
        let reader = Reader::open(journal, &conversation, reply.as_deref(), after).await?;
        Ok(replies::Reader::new(Self(Cell::new(Some(reader)))))
    }

    fn started(&self) -> turns::Started {
        let unknown = turns::Started {
            conversation_id: String::new(),
            message_id: String::new(),
            title: String::new(),
        };
        self.know(unknown, |reader| started(reader.started.clone()))
    }

    fn model(&self) -> String {
        self.know(String::new(), |reader| reader.model.clone())
    }

    fn standing(&self) -> replies::Standing {
        self.know(replies::Standing::Live, |reader| match reader.standing() {
            Standing::Live => replies::Standing::Live,
            Standing::Unread => replies::Standing::Unread,
            Standing::Read => replies::Standing::Read,
        })
    }

    async fn next(&self) -> Result<replies::News, wit::Error> {
        let mut reader = self.take()?;
        let news = reader.next().await;
        self.0.set(Some(reader));
        Ok(match news? {
            News::Pieces(pieces) => replies::News::Pieces(pieces),
            News::End(outcome, usage) => replies::News::End(replies::Ending {
                outcome: match outcome {
                    Outcome::Complete => turns::Outcome::Complete,
                    Outcome::Stopped => turns::Outcome::Stopped,
                    Outcome::Incomplete => turns::Outcome::Incomplete,
                },
                usage: usage.map(|usage| turns::Usage {
                    prompt_tokens: usage.prompt,
                    completion_tokens: usage.completion,
                    estimated: usage.estimated,
                }),
            }),
        })
    }
}

fn request(key: turns::RequestKey) -> Result<Request, Error> {
    Request::new(&key.key, &key.request)
}

fn started(found: Started) -> turns::Started {
    turns::Started {
        conversation_id: found.conversation,
        message_id: found.reply,
        title: found.title,
    }
}

async fn max_conversations() -> u32 {
    let value = spin_sdk::variables::get("max_conversations").await;
    let number = value.ok().and_then(|text| text.trim().parse().ok());
    number
        .unwrap_or(MAX_CONVERSATIONS)
        .clamp(1, MAX_CONVERSATIONS_MOST)
}

impl From<Error> for wit::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::NotFound,
            Error::Invalid(text) => Self::Invalid(text),
            Error::Conflict(text) => Self::Conflict(text),
            Error::Unavailable(text) => Self::Unavailable(text),
        }
    }
}

fn values(preferences: Preferences) -> wit::PreferenceValues {
    wit::PreferenceValues {
        default_model: preferences.default_model,
        theme: preferences.theme.map(|theme| match theme {
            Theme::Light => wit::Theme::Light,
            Theme::Dark => wit::Theme::Dark,
        }),
        system_prompt: preferences.system_prompt,
    }
}

fn conversation(found: Conversation) -> wit::Conversation {
    let (summary, turns) = conversation_parts(found);
    wit::Conversation {
        summary,
        messages: turns.into_iter().flat_map(messages).collect(),
    }
}

fn conversation_parts(found: Conversation) -> (wit::Summary, Vec<Turn>) {
    let summary = wit::Summary {
        message_count: found.message_count(),
        id: found.id,
        title: found.title,
        model: found.model,
        created_at: found.created,
        updated_at: found.updated,
    };
    (summary, found.turns)
}

/// The user's message and the reply to it.
fn messages(turn: Turn) -> [wit::Message; 2] {
    let mut model = turn.model;
    let (time, content, status) = match (turn.reply, turn.arrived) {
        (Some(reply), _) => {
            let status = match reply.outcome {
                Outcome::Complete => wit::MessageStatus::Complete,
                Outcome::Stopped => wit::MessageStatus::Stopped,
                Outcome::Incomplete => wit::MessageStatus::Incomplete,
            };
            model = reply.model.unwrap_or(model);
            (reply.time, reply.text, status)
        }
        (None, Some(arrived)) => (arrived.time, arrived.text, wit::MessageStatus::Streaming),
        (None, None) => (turn.time, String::new(), wit::MessageStatus::Streaming),
    };
    [
        wit::Message {
            id: turn.id,
            role: wit::Role::User,
            content: turn.text,
            timestamp: turn.time,
            status: wit::MessageStatus::Complete,
            model: None,
        },
        wit::Message {
            id: turn.reply_id,
            role: wit::Role::Assistant,
            content,
            timestamp: time,
            status,
            model: Some(model),
        },
    ]
}
