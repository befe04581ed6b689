//! The component: the contract's types on one side, ours on the other.

use std::cell::Cell;

use journal::{Clock as _, Journal, Spin};
use serde_json::json;

use crate::entries::{
    Attachment, Draft, Failure, Outcome, Preferences, Reasoning, Request, Theme, Usage,
};
use crate::error::Error;
use crate::ids;
use crate::library;
use crate::preferences;
use crate::readers::{Reader, ReaderEvent, ReaderState, Started};
use crate::state::{Conversation, EvictedTitle, Limits, Turn};
use crate::stop;
use crate::turn::{
    BeginResult, ClientMessage, Directive, MessageAction, ReplyDelta, StopReason, TurnWriter,
    UserMessage,
};
use bindings::exports::goldfish::conversations::conversations::{self, Guest as Conversations};
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
        world: "service",
        path: "../../../wit/conversations",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        generate_all,
    });
    use super::Component;
    export!(Component);
}

/// Where `max_conversations` is not set or makes no sense.
const MAX_CONVERSATIONS: u32 = 3;

/// The largest value of `max_conversations`, but for 0, which means no limit.
const MAX_CONVERSATIONS_MOST: u32 = 1_000_000;

/// Conversations of a page.
const PAGE_MOST: u32 = 100;

/// What `max_conversations` = 0 amounts to.
const NO_LIMIT: u32 = u32::MAX;

/// Where `eviction_undo_seconds` is not set or makes no sense; and its largest value.
const UNDO_SECONDS: u32 = 30;
const UNDO_SECONDS_MOST: u32 = 24 * 60 * 60;

struct Component;

/// A turn, taken out of its place while it works.
struct TurnResource(Cell<Option<TurnWriter<Spin>>>);

/// A reader, taken out of its place while it looks.
struct ReaderResource(Cell<Option<Reader<Spin>>>);

async fn journal_of(user: &str) -> Result<Journal<Spin>, Error> {
    ids::journal_of(Spin::open_default().await?, user)
}

impl Conversations for Component {
    async fn create_draft(
        user: String,
        values: conversations::DraftValues,
    ) -> Result<conversations::Draft, wit::Error> {
        let title = values.title.as_deref().map(library::valid_title);
        let journal = journal_of(&user).await?;
        let draft = Draft {
            id: ids::new_id(),
            title: title.transpose()?,
            model: values.model,
            system: values.system,
            time: journal.platform().now(),
            limit: limits().await.conversations,
        };
        let draft = library::create_draft(&journal, draft).await?;
        Ok(draft_of(draft))
    }

    async fn list_drafts(user: String) -> Result<Vec<conversations::Draft>, wit::Error> {
        let journal = journal_of(&user).await?;
        let drafts = library::drafts(&journal).await?;
        Ok(drafts.into_iter().rev().map(draft_of).collect())
    }

    async fn list_conversations(
        user: String,
        after: Option<conversations::Place>,
        limit: u32,
    ) -> Result<conversations::ConversationPage, wit::Error> {
        let journal = journal_of(&user).await?;
        let after = after.map(|place| (place.updated_at, place.id));
        let page = library::list(&journal, after.as_ref(), page_size(limit)).await?;
        Ok(conversations::ConversationPage {
            conversations: page.items.into_iter().map(conversation).collect(),
            next: page.next.map(place),
        })
    }

    async fn list_summaries(
        user: String,
        after: Option<conversations::Place>,
        limit: u32,
    ) -> Result<conversations::History, wit::Error> {
        let journal = journal_of(&user).await?;
        let limits = limits().await;
        let most = limits.conversations;
        let after = after.map(|place| (place.updated_at, place.id));
        let found = library::summaries(&journal, after.as_ref(), page_size(limit), most);
        let history = found.await?;
        let summaries = history.page.items.into_iter();
        let undo = limits.undo.checked_div(1_000).unwrap_or(0);
        Ok(conversations::History {
            summaries: summaries.map(summary).collect(),
            next: history.page.next.map(place),
            max_conversations: if most == NO_LIMIT { 0 } else { most },
            next_evicted: history.next_evicted.map(evicted),
            eviction_undo_seconds: u32::try_from(undo).unwrap_or(u32::MAX),
        })
    }

    async fn get_conversation(user: String, id: String) -> Result<wit::Conversation, wit::Error> {
        let journal = journal_of(&user).await?;
        Ok(conversation(library::get(&journal, &id).await?))
    }

    async fn rename(user: String, id: String, title: String) -> Result<wit::Summary, wit::Error> {
        let journal = journal_of(&user).await?;
        let renamed = library::rename(&journal, &id, &title, limits().await).await?;
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

    async fn set_active(
        user: String,
        id: String,
        message: String,
        active: String,
    ) -> Result<wit::Conversation, wit::Error> {
        let journal = journal_of(&user).await?;
        let changed = library::set_active(&journal, &id, &message, &active).await?;
        Ok(conversation(changed))
    }

    async fn pin(user: String, id: String) -> Result<wit::Conversation, wit::Error> {
        let journal = journal_of(&user).await?;
        let changed = library::pin(&journal, &id, limits().await).await?;
        Ok(conversation(changed))
    }

    async fn unpin(user: String, id: String) -> Result<wit::Conversation, wit::Error> {
        let journal = journal_of(&user).await?;
        Ok(conversation(library::unpin(&journal, &id).await?))
    }

    async fn restore(user: String, id: String) -> Result<conversations::Restored, wit::Error> {
        let journal = journal_of(&user).await?;
        let (changed, gone) = library::restore(&journal, &id, limits().await).await?;
        Ok(conversations::Restored {
            conversation: conversation(changed),
            evicted: gone.into_iter().map(evicted).collect(),
        })
    }
}

impl UserData for Component {
    async fn erase(user: String) -> Result<(), String> {
        let journal = journal_of(&user).await.map_err(cause)?;
        library::clear(&journal).await.map_err(cause)
    }

    async fn export(user: String) -> Result<String, String> {
        let failed = |error: wit::Error| format!("{error:?}");
        let mut conversations = Vec::new();
        let mut after = None;
        loop {
            let page = Self::list_conversations(user.clone(), after, PAGE_MOST).await;
            let page = page.map_err(failed)?;
            conversations.extend(page.conversations);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let preferences = <Self as PreferencesGuest>::get_preferences(user).await;
        let preferences = preferences.map_err(failed)?;
        let conversations = conversations.into_iter().map(|one| {
            let messages = one.messages.into_iter().map(|message| {
                json!({
                    "id": message.id,
                    "role": role_name(message.role),
                    "content": message.content,
                    "attachments": message.attachments.iter().map(|file| json!({
                        "id": file.id,
                        "name": file.name,
                        "mediaType": file.media_type,
                        "size": file.size,
                    })).collect::<Vec<_>>(),
                    "timestamp": message.timestamp,
                    "model": message.model,
                })
            });
            json!({
                "id": one.summary.id,
                "title": one.summary.title,
                "createdAt": one.summary.created_at,
                "updatedAt": one.summary.updated_at,
                "messages": messages.collect::<Vec<_>>(),
            })
        });
        let exported = json!({
            "conversations": conversations.collect::<Vec<_>>(),
            "preferences": {
                "defaultModel": preferences.default_model,
                "systemPrompt": preferences.system_prompt,
            },
        });
        Ok(exported.to_string())
    }

    async fn check() -> Result<(), String> {
        let store = Spin::open_default().await;
        let store = store.map_err(|error| error.to_string())?;
        library::check(&store).await.map_err(cause)
    }
}

fn role_name(role: wit::Role) -> &'static str {
    match role {
        wit::Role::User => "user",
        wit::Role::Assistant => "assistant",
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
    fn take(&self) -> Result<TurnWriter<Spin>, Error> {
        let taken = self.0.take();
        taken.ok_or_else(|| Error::Unavailable("the turn is busy".to_owned()))
    }

    fn look<T: Default>(&self, look: impl FnOnce(&TurnWriter<Spin>) -> T) -> T {
        let Some(writer) = self.0.take() else {
            return T::default();
        };
        let seen = look(&writer);
        self.0.set(Some(writer));
        seen
    }
}

impl GuestTurn for TurnResource {
    async fn open(
        user: String,
        conversation: Option<String>,
        key: Option<turns::IdempotencyKey>,
    ) -> Result<turns::Turn, wit::Error> {
        let journal = journal_of(&user).await?;
        let request = key.map(request).transpose()?;
        let writer = TurnWriter::open(journal, conversation.as_deref(), request).await?;
        Ok(turns::Turn::new(Self(Cell::new(Some(writer)))))
    }

    async fn open_regenerate(
        user: String,
        conversation: String,
        reply: Option<String>,
        key: Option<turns::IdempotencyKey>,
    ) -> Result<turns::Turn, wit::Error> {
        let journal = journal_of(&user).await?;
        let request = key.map(request).transpose()?;
        let reply = reply.as_deref();
        let writer = TurnWriter::open_regenerate(journal, &conversation, reply, request).await?;
        Ok(turns::Turn::new(Self(Cell::new(Some(writer)))))
    }

    async fn open_edit(
        user: String,
        conversation: String,
        message: String,
        key: Option<turns::IdempotencyKey>,
    ) -> Result<turns::Turn, wit::Error> {
        let journal = journal_of(&user).await?;
        let request = key.map(request).transpose()?;
        let writer = TurnWriter::open_edit(journal, &conversation, &message, request).await?;
        Ok(turns::Turn::new(Self(Cell::new(Some(writer)))))
    }

    async fn open_client_message(
        user: String,
        conversation: String,
        message: turns::ClientMessage,
        key: Option<turns::IdempotencyKey>,
    ) -> Result<turns::Turn, wit::Error> {
        let journal = journal_of(&user).await?;
        let request = key.map(request).transpose()?;
        let action = match message.action {
            turns::MessageAction::Append => MessageAction::Append,
            turns::MessageAction::Replace => MessageAction::Replace,
            turns::MessageAction::Regenerate => MessageAction::Regenerate,
        };
        let message = ClientMessage::new(message.id, message.preceding, action)?;
        let writer =
            TurnWriter::open_client_message(journal, &conversation, message, request).await?;
        Ok(turns::Turn::new(Self(Cell::new(Some(writer)))))
    }

    fn existing_reply(&self) -> Option<turns::ReplyInfo> {
        self.look(|writer| writer.existing_reply().cloned().map(started))
    }

    fn history(&self) -> Vec<wit::Message> {
        self.look(|writer| writer.history().cloned().flat_map(messages).collect())
    }

    fn regenerated_message(&self) -> Option<String> {
        self.look(|writer| writer.regenerated_message().map(str::to_owned))
    }

    fn attachments(&self) -> Vec<wit::Attachment> {
        let attachments = self.look(|writer| writer.attachments().to_vec());
        attachments.into_iter().map(attachment).collect()
    }

    fn model(&self) -> Option<String> {
        self.look(|writer| writer.model().map(str::to_owned))
    }

    fn system(&self) -> Option<String> {
        self.look(|writer| writer.system().map(str::to_owned))
    }

    fn needs_title(&self) -> bool {
        self.look(|writer| writer.needs_title())
    }

    fn preferences(&self) -> wit::PreferenceValues {
        let preferences = self.look(|writer| writer.preferences().clone());
        values(preferences)
    }

    async fn begin(
        &self,
        message: String,
        attachments: Vec<wit::Attachment>,
        model: String,
    ) -> Result<turns::BeginResult, wit::Error> {
        let limits = limits().await;
        let mut writer = self.take()?;
        let attachments = attachments.into_iter().map(|attachment| Attachment {
            id: attachment.id,
            name: attachment.name,
            media_type: attachment.media_type,
            size: attachment.size,
        });
        let message = UserMessage {
            text: message,
            attachments: attachments.collect(),
        };
        let begun = writer.begin(message, model, limits).await;
        self.0.set(Some(writer));
        Ok(match begun? {
            BeginResult::Started(reply, next) => turns::BeginResult::Started(turns::StartedReply {
                info: started(reply),
                directive: directive(next),
            }),
            BeginResult::Existing(reply) => turns::BeginResult::Existing(started(reply)),
        })
    }

    async fn append(&self, deltas: Vec<wit::ReplyDelta>) -> turns::Directive {
        let Ok(mut writer) = self.take() else {
            return busy();
        };
        let next = writer.append(reply_deltas(deltas)).await;
        self.0.set(Some(writer));
        directive(next)
    }

    fn fail(&self, failure: wit::Failure) {
        if let Some(mut writer) = self.0.take() {
            writer.fail(Failure {
                code: failure.code,
                message: failure.message,
            });
            self.0.set(Some(writer));
        }
    }

    async fn finish(
        &self,
        outcome: turns::Outcome,
        deltas: Vec<wit::ReplyDelta>,
        usage: Option<turns::Usage>,
        responder: Option<turns::Responder>,
    ) -> Result<Vec<wit::EvictedConversation>, wit::Error> {
        let mut writer = self.take()?;
        if let Some(responder) = responder {
            writer.resolve_model(responder.provider, responder.model);
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
        let finished = writer.finish(outcome, reply_deltas(deltas), usage).await;
        self.0.set(Some(writer));
        Ok(finished?.into_iter().map(evicted).collect())
    }
}

impl Replies for Component {
    type Reader = ReaderResource;

    async fn stop(user: String, conversation: String) -> Result<bool, wit::Error> {
        let journal = journal_of(&user).await?;
        Ok(stop::stop(&journal, &conversation).await?)
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

    async fn find(user: String, reply: String, after: u64) -> Result<replies::Reader, wit::Error> {
        let journal = journal_of(&user).await?;
        let reader = Reader::find(journal, &reply, after).await?;
        Ok(replies::Reader::new(Self(Cell::new(Some(reader)))))
    }

    fn info(&self) -> turns::ReplyInfo {
        let unknown = turns::ReplyInfo {
            conversation_id: String::new(),
            message_id: String::new(),
            title: String::new(),
        };
        self.know(unknown, |reader| started(reader.started.clone()))
    }

    fn model(&self) -> String {
        self.know(String::new(), |reader| reader.model.clone())
    }

    fn state(&self) -> replies::ReaderState {
        self.know(replies::ReaderState::Streaming, |reader| {
            match reader.state() {
                ReaderState::Live => replies::ReaderState::Streaming,
                ReaderState::Unread => replies::ReaderState::Pending,
                ReaderState::Read => replies::ReaderState::Finished,
            }
        })
    }

    async fn next(&self) -> Result<replies::ReaderEvent, wit::Error> {
        let mut reader = self.take()?;
        let event = reader.next().await;
        self.0.set(Some(reader));
        Ok(match event? {
            ReaderEvent::Deltas(deltas) => replies::ReaderEvent::Deltas(deltas),
            ReaderEvent::Reasoning(text) => replies::ReaderEvent::Reasoning(text),
            ReaderEvent::End(outcome, usage, failed) => {
                replies::ReaderEvent::End(replies::ReplyEnd {
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
                    failure: failed.map(failure),
                })
            }
        })
    }
}

fn reply_deltas(deltas: Vec<wit::ReplyDelta>) -> Vec<ReplyDelta> {
    let deltas = deltas.into_iter().map(|delta| match delta {
        wit::ReplyDelta::Text(text) => ReplyDelta::Text(text),
        wit::ReplyDelta::Reasoning(text) => ReplyDelta::Reasoning(text),
        wit::ReplyDelta::ReasoningData(data) => ReplyDelta::ReasoningData(data),
    });
    deltas.collect()
}

fn request(key: turns::IdempotencyKey) -> Result<Request, Error> {
    Request::new(&key.key, &key.request)
}

fn started(reply: Started) -> turns::ReplyInfo {
    turns::ReplyInfo {
        conversation_id: reply.conversation,
        message_id: reply.reply,
        title: reply.title,
    }
}

fn directive(next: Directive) -> turns::Directive {
    turns::Directive {
        resume_after_ms: u32::try_from(next.resume_after_ms).unwrap_or(u32::MAX),
        resume_after_bytes: u32::try_from(next.resume_after_bytes).unwrap_or(u32::MAX),
        stop: next.stop.map(|reason| match reason {
            StopReason::Cancelled => turns::StopReason::Cancelled,
            StopReason::TooLong => turns::StopReason::TooLong,
        }),
        warning: next.warning,
        evicted: next.evicted.into_iter().map(evicted).collect(),
    }
}

/// For a caller that does not wait for its last call.
fn busy() -> turns::Directive {
    turns::Directive {
        resume_after_ms: u32::MAX,
        resume_after_bytes: u32::MAX,
        stop: None,
        warning: Some("the turn is busy".to_owned()),
        evicted: Vec::new(),
    }
}

async fn limits() -> Limits {
    let conversations = number("max_conversations").await;
    let conversations = conversations.unwrap_or(MAX_CONVERSATIONS);
    let undo = number("eviction_undo_seconds").await;
    let undo = undo.unwrap_or(UNDO_SECONDS).min(UNDO_SECONDS_MOST);
    Limits {
        conversations: match conversations {
            0 => NO_LIMIT,
            some => some.min(MAX_CONVERSATIONS_MOST),
        },
        undo: u64::from(undo).saturating_mul(1_000),
    }
}

fn page_size(limit: u32) -> usize {
    usize::try_from(limit.clamp(1, PAGE_MOST)).unwrap_or(1)
}

fn place((updated_at, id): library::Place) -> conversations::Place {
    conversations::Place { updated_at, id }
}

fn summary(stored: library::Summary) -> wit::Summary {
    wit::Summary {
        id: stored.id,
        title: stored.title,
        model: stored.model,
        message_count: stored.message_count,
        pinned: stored.pinned,
        provisional: stored.provisional,
        created_at: stored.created,
        updated_at: stored.updated,
    }
}

async fn number(variable: &str) -> Option<u32> {
    let value = spin_sdk::variables::get(variable).await;
    value.ok().and_then(|text| text.trim().parse().ok())
}

fn draft_of(draft: Draft) -> conversations::Draft {
    conversations::Draft {
        id: draft.id,
        title: draft.title,
        model: draft.model,
        created_at: draft.time,
    }
}

fn evicted(conversation: EvictedTitle) -> wit::EvictedConversation {
    wit::EvictedConversation {
        id: conversation.id,
        title: conversation.title,
    }
}

fn attachment(stored: Attachment) -> wit::Attachment {
    wit::Attachment {
        id: stored.id,
        name: stored.name,
        media_type: stored.media_type,
        size: stored.size,
    }
}

fn reasoning(stored: Reasoning) -> wit::Reasoning {
    let blocks = stored.blocks.into_iter().map(|block| wit::ReasoningBlock {
        text: block.text,
        data: block.data,
    });
    wit::Reasoning {
        provider: stored.provider,
        blocks: blocks.collect(),
    }
}

fn failure(stored: Failure) -> wit::Failure {
    wit::Failure {
        code: stored.code,
        message: stored.message,
    }
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

fn conversation(stored: Conversation) -> wit::Conversation {
    let (summary, turns) = conversation_parts(stored);
    wit::Conversation {
        summary,
        messages: turns.into_iter().flat_map(messages).collect(),
    }
}

fn conversation_parts(stored: Conversation) -> (wit::Summary, Vec<Turn>) {
    let summary = wit::Summary {
        message_count: stored.message_count(),
        provisional: !stored.counts(),
        id: stored.id,
        title: stored.title,
        model: stored.model,
        pinned: stored.pinned,
        created_at: stored.created,
        updated_at: stored.updated,
    };
    (summary, stored.turns)
}

/// The user's message and the reply to it.
fn messages(turn: Turn) -> [wit::Message; 2] {
    let message_versions = message_versions(&turn);
    let reply_versions = reply_versions(&turn);
    let reply_model = reply_model(&turn);
    let status = status(&turn);
    let (time, content, stored, failed) = match (turn.reply, turn.received) {
        (Some(reply), _) => (reply.time, reply.text, reply.reasoning, reply.failure),
        (None, Some(received)) => {
            let reasoning = Reasoning::of_text(received.reasoning);
            (received.time, received.text, reasoning, None)
        }
        (None, None) => (turn.time, String::new(), Reasoning::default(), None),
    };
    [
        wit::Message {
            id: turn.id,
            role: wit::Role::User,
            content: turn.text,
            attachments: turn.attachments.into_iter().map(attachment).collect(),
            timestamp: turn.time,
            status: wit::MessageStatus::Complete,
            model: None,
            reasoning: None,
            failure: None,
            versions: message_versions,
        },
        wit::Message {
            id: turn.reply_id,
            role: wit::Role::Assistant,
            content,
            attachments: Vec::new(),
            timestamp: time,
            status,
            model: Some(reply_model),
            reasoning: (!stored.is_empty()).then(|| reasoning(stored)),
            failure: failed.map(failure),
            versions: reply_versions,
        },
    ]
}

/// The active version of a turn, and the others.
fn own_versions(turn: &Turn) -> impl Iterator<Item = &Turn> {
    let others = turn.versions.iter().filter_map(|version| version.first());
    std::iter::once(turn).chain(others)
}

/// The versions of a turn's message, oldest first; none if there is one only.
fn message_versions(turn: &Turn) -> Vec<wit::MessageVersion> {
    let mut versions: Vec<wit::MessageVersion> = Vec::new();
    for turn in own_versions(turn) {
        if versions.iter().all(|version| version.id != turn.id) {
            versions.push(wit::MessageVersion {
                id: turn.id.clone(),
                created_at: turn.time,
                status: wit::MessageStatus::Complete,
                model: None,
            });
        }
    }
    several(versions)
}

/// The versions of the reply to a turn's message, oldest first; none if there is one only.
fn reply_versions(turn: &Turn) -> Vec<wit::MessageVersion> {
    let replies = own_versions(turn).filter(|other| other.id == turn.id);
    let replies = replies.map(|turn| wit::MessageVersion {
        id: turn.reply_id.clone(),
        created_at: turn.requested_at(),
        status: status(turn),
        model: Some(reply_model(turn)),
    });
    several(replies.collect())
}

fn several(mut versions: Vec<wit::MessageVersion>) -> Vec<wit::MessageVersion> {
    if versions.len() < 2 {
        versions.clear();
    }
    versions.sort_by_key(|version| version.created_at);
    versions
}

/// The model that replied, or else the one that was requested.
fn reply_model(turn: &Turn) -> String {
    let replied = turn.reply.as_ref().and_then(|reply| reply.model.clone());
    replied.unwrap_or_else(|| turn.model.clone())
}

fn status(turn: &Turn) -> wit::MessageStatus {
    match turn.reply.as_ref().map(|reply| reply.outcome) {
        Some(Outcome::Complete) => wit::MessageStatus::Complete,
        Some(Outcome::Stopped) => wit::MessageStatus::Stopped,
        Some(Outcome::Incomplete) => wit::MessageStatus::Incomplete,
        None => wit::MessageStatus::Streaming,
    }
}
