//! A turn as the WebSockets for its conversation show it: those of other tabs, and of the one that began it.
//!
//! Only sockets that were open when the turn began get it from here. One that is opened later reads the reply from the
//! store (`socket::join`), so that nobody has to be asked again while a reply is written.

use std::time::Duration;

use contracts::{
    conversations::{
        conversations,
        turns::ReplyInfo,
        types::{EvictedConversation, Message},
    },
    messaging::connections,
    realtime::proxy,
};
use futures::{
    FutureExt as _, StreamExt as _,
    channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded},
};
use realtime_events::{
    Removal, conversation_item, publish_if_configured, tell_removed, title_item,
};
use serde_json::Value;
use spin_sdk::{time::sleep, wasip3::wit_bindgen::spawn};

use crate::{
    reply_end::ReplyEnd,
    socket::messages::{self, Deltas},
};

/// The time between two publications of one reply. Shorter would cost the proxy more and be no easier to read.
const INTERVAL: Duration = Duration::from_millis(100);

/// A turn that has begun.
pub(crate) struct LiveTurn {
    pub(crate) user: String,
    pub(crate) info: ReplyInfo,
    pub(crate) model: String,
    /// Whether the conversation begins with it.
    pub(crate) is_new: bool,
    /// What a client of a socket calls the message.
    pub(crate) client_id: Option<String>,
}

/// Tells the sockets of a turn. Nothing here waits for them.
pub(crate) struct Live {
    user: String,
    parts: UnboundedSender<Part>,
}

enum Part {
    Text(String),
    /// What the model thinks.
    Reasoning(String),
    /// The last messages.
    End(Vec<Value>),
}

impl Live {
    /// Tells the sockets, if there are any, that the turn has begun.
    pub(crate) fn begin(turn: LiveTurn) -> Self {
        let (parts, received) = unbounded();
        let user = turn.user.clone();
        spawn(publish(turn, received));
        Self { user, parts }
    }

    /// The reply grows.
    pub(crate) fn text(&self, text: &str) {
        if !self.parts.is_closed() {
            self.send(Part::Text(text.to_owned()));
        }
    }

    /// The model thinks before it replies.
    pub(crate) fn reasoning(&self, text: &str) {
        if !self.parts.is_closed() {
            self.send(Part::Reasoning(text.to_owned()));
        }
    }

    /// The reply has ended, and is stored.
    pub(crate) fn end(self, end: ReplyEnd<'_>) {
        if !self.parts.is_closed() {
            self.send(Part::End(messages::end(&end)));
        }
    }

    /// Other conversations were evicted for the reply.
    pub(crate) fn evicted(&self, evicted: &[EvictedConversation]) {
        if evicted.is_empty() {
            return;
        }
        let user = self.user.clone();
        let ids: Vec<String> = evicted.iter().map(|one| one.id.clone()).collect();
        spawn(async move {
            // A socket that does not learn it learns it at its next check.
            let _ = tell_removed(&user, &ids, Removal::Evicted).await;
        });
    }

    fn send(&self, part: Part) {
        // Fails if nobody is told.
        let _ = self.parts.unbounded_send(part);
    }
}

async fn publish(turn: LiveTurn, mut parts: UnboundedReceiver<Part>) {
    let LiveTurn {
        user,
        info,
        model,
        is_new,
        client_id,
    } = turn;
    if !proxy::is_configured().await || !has_sockets(&user, &info.conversation_id).await {
        return;
    }
    let send = async |texts: Vec<String>| {
        let items = texts
            .into_iter()
            .map(|text| conversation_item(&user, &info.conversation_id, text, None));
        // What is lost here is in the store, and the clients see that it is missing.
        let _ = publish_if_configured(items.collect()).await;
    };
    let mut first = begun(&user, &info, &model, client_id.as_deref()).await;
    if is_new {
        first.push(messages::title(&info.conversation_id, &info.title));
    }
    send(first).await;
    let mut deltas = Deltas::new(info.message_id.clone(), 0);
    while let Some(part) = parts.next().await {
        let mut texts = Vec::new();
        let mut next = Some(part);
        let mut grown = String::new();
        let mut thought = String::new();
        let mut end = None;
        while let Some(part) = next {
            match part {
                Part::Text(text) => grown.push_str(&text),
                Part::Reasoning(text) => thought.push_str(&text),
                Part::End(last) => end = Some(last),
            }
            next = parts.next().now_or_never().flatten();
        }
        texts.extend(deltas.reasoning(&thought));
        texts.extend(deltas.next(&grown));
        let has_ended = end.is_some();
        if let Some(last) = end {
            texts.extend(messages::with_place(last, &deltas));
        }
        send(texts).await;
        if has_ended {
            return;
        }
        sleep(INTERVAL).await;
    }
}

async fn has_sockets(user: &str, conversation: &str) -> bool {
    let found = connections::list_for_conversation(user.to_owned(), conversation.to_owned()).await;
    found.is_ok_and(|ids| !ids.is_empty())
}

/// The messages that a turn has begun: the user's message, if it is a new one, and that there is a reply to come.
pub(crate) async fn begun(
    user: &str,
    info: &ReplyInfo,
    model: &str,
    client_id: Option<&str>,
) -> Vec<String> {
    let found =
        conversations::get_conversation(user.to_owned(), info.conversation_id.clone()).await;
    let stored = found.map(|found| found.messages).unwrap_or_default();
    let is_reply = |message: &Message| {
        message.id == info.message_id
            || message
                .versions
                .iter()
                .any(|version| version.id == info.message_id)
    };
    let place = stored.iter().position(is_reply);
    let question = place
        .and_then(|place| place.checked_sub(1))
        .and_then(|place| stored.get(place));
    let reply = place.and_then(|place| stored.get(place));
    let has_versions =
        |message: Option<&Message>| message.is_some_and(|one| !one.versions.is_empty());
    // Without a place it is a version that is not active yet.
    let is_version = place.is_none() || has_versions(question) || has_versions(reply);
    let mut texts = Vec::new();
    if let Some(question) = question.filter(|_| !is_version) {
        texts.push(messages::message(question, client_id));
    }
    texts.push(messages::reply(info, model, is_version));
    texts
}

/// Tells the sockets for a conversation which title it has now.
pub(crate) async fn tell_title(user: &str, conversation: &str) {
    if !proxy::is_configured().await {
        return;
    }
    // It is among the newest, because it has just had a reply.
    let newest = conversations::list_summaries(user.to_owned(), None, 100).await;
    let Ok(history) = newest else {
        return;
    };
    let summary = history.summaries.iter().find(|one| one.id == conversation);
    if let Some(summary) = summary {
        let item = title_item(user, conversation, &summary.title);
        // A socket that does not learn it learns it at its next check.
        let _ = publish_if_configured(vec![item]).await;
    }
}
