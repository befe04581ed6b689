//! What a client that comes later has missed: the reply that is being written, from the store.
//!
//! The proxy subscribes when it has the response to the opening. A ping goes out with that; the client's pong comes when
//! the subscriptions hold, and then the reply is read, and, after another pong, followed to its end for this connection
//! alone. What comes
//! both from there and from the request that writes the reply has the same offset.

use std::time::{Duration, Instant};

use contracts::{
    conversations::{
        conversations,
        replies::{Reader, ReaderEvent, ReaderState, ReplyEnd as StoredEnd},
        types::Error,
    },
    messaging::connections,
};
use http_edge::ApiError;
use realtime_events::{Removal, connection_item, publish_if_configured, removed_frame};
use spin_sdk::wasip3::wit_bindgen::spawn;
use websockets::Events;

use super::{
    messages::{self, Deltas, Place},
    state::Socket,
};
use crate::{live, readers, reply_end::ReplyEnd};

/// Bytes of a response; a proxy takes 1,000,000. The rest comes with the next one.
const RESPONSE_MAX: usize = 600_000;
/// How often a task that reads a reply looks whether its connection is still there.
const CONNECTION_CHECK: Duration = Duration::from_secs(5);

/// A conversation, as its sockets see it.
pub(super) enum Found {
    /// Its reply that is being written, or else its last one.
    Reply(Reader),
    /// It has no message yet.
    Draft { title: Option<String> },
    /// There is none.
    Nothing,
}

/// Finds a reply of a conversation: by its id, or the one that is being written, or else the last one.
pub(super) async fn find(
    user: &str,
    conversation: &str,
    reply: Option<String>,
) -> Result<Found, ApiError> {
    let (user, conversation) = (user.to_owned(), conversation.to_owned());
    match Reader::open(user.clone(), conversation.clone(), reply, 0).await {
        Ok(reader) => return Ok(Found::Reply(reader)),
        Err(Error::NotFound) => {}
        Err(error) => return Err(error_mapping::conversations(error, "id")),
    }
    let drafts = conversations::list_drafts(user)
        .await
        .map_err(|error| error_mapping::conversations(error, "id"))?;
    let draft = drafts.into_iter().find(|draft| draft.id == conversation);
    Ok(draft.map_or(Found::Nothing, |draft| Found::Draft { title: draft.title }))
}

/// A ping whose pong brings the state of the conversation, if `is_opening`, and a reply: the one of which the client
/// knows the first UTF-16 units, or the one that is being written.
pub(super) fn ask_for_pong(is_opening: bool, known: Option<&(String, usize)>, out: &mut Events) {
    let purpose = if is_opening { "open" } else { "join" };
    ping(purpose, known, out);
}

fn ping(purpose: &str, known: Option<&(String, usize)>, out: &mut Events) {
    let content = match known {
        Some((reply, offset)) => format!("{purpose} {reply} {offset}"),
        None => purpose.to_owned(),
    };
    out.ping(content.as_bytes());
}

/// What a pong is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// The socket was opened.
    Open,
    /// A reply is sent.
    Join,
    /// The client has what was sent of a reply, which is followed from there.
    Follow,
}

fn parse_pong(content: &[u8]) -> Option<(Purpose, Option<(String, usize)>)> {
    let mut parts = std::str::from_utf8(content).ok()?.split(' ');
    let purpose = match parts.next()? {
        "open" => Purpose::Open,
        "join" => Purpose::Join,
        "follow" => Purpose::Follow,
        _ => return None,
    };
    let Some(reply) = parts.next() else {
        return Some((purpose, None));
    };
    let reply = http_edge::parse_uuid(reply)?;
    Some((purpose, Some((reply, parts.next()?.parse().ok()?))))
}

/// Sends what the pong is for; false if the socket was closed. A pong of another ping is not for us.
pub(super) async fn from_pong(
    socket: &mut Socket,
    content: &[u8],
    out: &mut Events,
) -> Result<bool, ApiError> {
    match parse_pong(content) {
        None => Ok(true),
        Some((Purpose::Follow, known)) => {
            if let Some((id, offset)) = known {
                begin_to_follow(socket, id, offset).await?;
            }
            Ok(true)
        }
        Some((purpose, known)) => {
            let is_open = purpose != Purpose::Open || tell_state(socket, out).await?;
            if is_open {
                join(socket, known, out).await?;
            }
            Ok(is_open)
        }
    }
}

/// Follows a reply to its end, unless that has begun before.
async fn begin_to_follow(socket: &mut Socket, id: String, offset: usize) -> Result<(), ApiError> {
    if socket.kind.joined.as_ref() == Some(&id) {
        return Ok(());
    }
    let found = find(&socket.user, &socket.kind.conversation, Some(id.clone())).await?;
    if let Found::Reply(reader) = found {
        socket.kind.joined = Some(id.clone());
        spawn(follow(
            socket.user.clone(),
            socket.kind.conversation.clone(),
            socket.id.clone(),
            reader,
            Deltas::new(id, offset),
        ));
    }
    Ok(())
}

/// Sends the state of the conversation; false if there is none any more, and the socket was closed.
pub(super) async fn tell_state(socket: &Socket, out: &mut Events) -> Result<bool, ApiError> {
    let message = match find(&socket.user, &socket.kind.conversation, None).await? {
        Found::Reply(reader) => {
            let info = reader.info();
            let place = Place {
                id: &info.message_id,
                is_streaming: reader.state() == ReaderState::Streaming,
            };
            messages::conversation(
                &socket.kind.conversation,
                Some(&info.title),
                Some(&reader.model()),
                Some(place),
            )
        }
        Found::Draft { title } => {
            messages::conversation(&socket.kind.conversation, title.as_deref(), None, None)
        }
        Found::Nothing => {
            connections::close(socket.id.clone())
                .await
                .map_err(error_mapping::messaging)?;
            let (message, code, sentence) =
                removed_frame(&socket.kind.conversation, Removal::Deleted);
            out.json(&message);
            out.close(code, sentence);
            return Ok(false);
        }
    };
    out.json(&message);
    Ok(true)
}

/// Sends the rest of a reply of which the client knows a part, and the reply that is being written, if it is another
/// one or none is known.
pub(super) async fn join(
    socket: &Socket,
    known: Option<(String, usize)>,
    out: &mut Events,
) -> Result<(), ApiError> {
    let mut sent = None;
    if let Some((id, offset)) = known {
        match find(&socket.user, &socket.kind.conversation, Some(id.clone())).await? {
            Found::Reply(reader) => {
                replay(reader, offset, out).await?;
                sent = Some(id);
            }
            Found::Draft { .. } | Found::Nothing => {
                let sentence = "The conversation has no reply with this id.";
                out.json(&messages::error("NOT_FOUND", sentence, Some("sync"), None));
            }
        }
    }
    let Found::Reply(reader) = find(&socket.user, &socket.kind.conversation, None).await? else {
        return Ok(());
    };
    let info = reader.info();
    if reader.state() != ReaderState::Streaming || sent.as_ref() == Some(&info.message_id) {
        return Ok(());
    }
    for message in live::begun(&socket.user, &info, &reader.model(), None).await {
        out.json(&message);
    }
    replay(reader, 0, out).await
}

/// Sends what the store has of a reply after `known` UTF-16 units, and follows it to its end.
async fn replay(reader: Reader, known: usize, out: &mut Events) -> Result<(), ApiError> {
    let id = reader.info().message_id;
    let is_streaming = reader.state() == ReaderState::Streaming;
    let mut deltas = Deltas::new(id.clone(), known);
    loop {
        let event = reader.next().await;
        match event.map_err(|error| error_mapping::conversations(error, "id"))? {
            ReaderEvent::Deltas(texts) => {
                for part in messages::parts(&texts.concat()) {
                    if out.size() > RESPONSE_MAX {
                        ask_for_pong(false, Some(&(id, deltas.offset())), out);
                        return Ok(());
                    }
                    for message in deltas.next(part) {
                        out.json(&message);
                    }
                }
                if is_streaming {
                    break;
                }
            }
            ReaderEvent::Reasoning(text) => {
                for message in deltas.reasoning(&text) {
                    out.json(&message);
                }
            }
            ReaderEvent::End(end) => {
                for message in end_of(&end, &reader.model(), &deltas) {
                    out.json(&message);
                }
                return Ok(());
            }
        }
    }
    // What is published meanwhile could overtake this response.
    ping("follow", Some(&(id, deltas.offset())), out);
    Ok(())
}

/// Reads a reply to its end for one connection.
pub(super) async fn follow(
    user: String,
    conversation: String,
    connection: String,
    reader: Reader,
    mut deltas: Deltas,
) {
    let mut checked_at = Instant::now();
    loop {
        let (texts, has_ended) = match reader.next().await {
            Ok(ReaderEvent::Deltas(texts)) => (deltas.next(&texts.concat()), false),
            Ok(ReaderEvent::Reasoning(text)) => (deltas.reasoning(&text), false),
            Ok(ReaderEvent::End(end)) => (end_of(&end, &reader.model(), &deltas), true),
            // The client learns at the next check that it does not have the end.
            Err(_) => return,
        };
        if !texts.is_empty() {
            let items = texts
                .into_iter()
                .map(|text| connection_item(&connection, text));
            // The client sees what is missing, and asks for it.
            let _ = publish_if_configured(items.collect()).await;
        }
        if has_ended {
            return;
        }
        if checked_at.elapsed() >= CONNECTION_CHECK {
            checked_at = Instant::now();
            let open = connections::list_for_conversation(user.clone(), conversation.clone()).await;
            if open.is_ok_and(|open| !open.contains(&connection)) {
                return;
            }
        }
    }
}

/// The messages at the end of a stored reply.
fn end_of(end: &StoredEnd, model: &str, deltas: &Deltas) -> Vec<String> {
    let usage = end.usage.as_ref();
    let error = readers::stored_error(end);
    let end = ReplyEnd {
        outcome: end.outcome,
        reason: None,
        usage: usage.map(|usage| (usage.prompt_tokens, usage.completion_tokens)),
        model,
        error: error.as_ref().map(|error| (error, "")),
    };
    messages::with_place(messages::end(&end), deltas)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_pong_reads_what_was_asked_for() {
        let id = "550e8400-e29b-41d4-a716-446655440000";
        assert_eq!(parse_pong(b"open"), Some((Purpose::Open, None)));
        let join = format!("join {id} 7");
        let expected = Some((Purpose::Join, Some((id.to_owned(), 7))));
        assert_eq!(parse_pong(join.as_bytes()), expected);
        for other in [
            "",
            "check",
            "t x 1",
            "join x 1",
            &format!("join {id}"),
            "open  ",
        ] {
            assert_eq!(parse_pong(other.as_bytes()), None, "{other}");
        }
    }
}
