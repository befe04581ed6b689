//! An event as JSON, for sockets and streams.

use contracts::messaging::events::{Event, Kind};
use serde_json::{Map, Value, json};
use team::{MessageView, UtcTime};

/// What a client follows that gets an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope<'a> {
    /// A thread.
    Thread,
    /// A whole channel, whose numbers have no gaps.
    Channel,
    /// The feed of this user.
    Feed(&'a str),
}

/// The type of an event, as clients see it.
fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::MessagePosted => "NEW_MESSAGE",
        Kind::MessageEdited => "UPDATE_MESSAGE",
        Kind::MessageDeleted => "DELETE_MESSAGE",
        Kind::ReactionChanged => "REACTION",
        Kind::ThreadRead => "READ",
        Kind::Mentioned => "MENTION",
        Kind::MemberAdded => "MEMBER_ADDED",
        Kind::MemberRemoved => "MEMBER_REMOVED",
        Kind::MemberRoleChanged => "MEMBER_ROLE",
        Kind::ChannelUpdated => "CHANNEL_UPDATED",
        Kind::ChannelDeleted => "CHANNEL_DELETED",
        Kind::ThreadCreated => "THREAD_CREATED",
        Kind::ThreadUpdated => "THREAD_UPDATED",
        Kind::ThreadDeleted => "THREAD_DELETED",
    }
}

/// An event as a JSON object. `type` and `payload` are what a client needs; `id`, `number` and `previous` say which
/// event it is, and which one comes before it in what the client follows.
pub fn frame(event: &Event, epoch: &str, scope: Scope<'_>) -> String {
    let (name, previous) = match scope {
        Scope::Thread => ("thread", event.previous),
        Scope::Channel => ("channel", event.number.saturating_sub(1)),
        Scope::Feed(_) => ("feed", event.previous),
    };
    let frame = json!({
        "type": type_of(event.kind),
        "payload": payload(event),
        "id": format!("{epoch}-{}", event.number),
        "scope": name,
        "channelId": event.channel_id,
        "threadId": event.thread_id,
        "number": event.number,
        "previous": previous,
        "createdAt": UtcTime(event.at),
    });
    frame.to_string()
}

fn payload(event: &Event) -> Value {
    match (event.kind, &event.message) {
        (Kind::MessagePosted | Kind::MessageEdited | Kind::Mentioned, Some(message)) => {
            serde_json::to_value(MessageView::from(message)).unwrap_or_default()
        }
        _ => Value::Object(fields(event)),
    }
}

/// The ids that the event is about, and what its row says besides.
fn fields(event: &Event) -> Map<String, Value> {
    let mut fields = Map::new();
    if let Some(message) = &event.message {
        fields.insert("messageId".to_owned(), json!(message.id));
        fields.insert("threadId".to_owned(), json!(message.thread_id));
    } else if let Some(thread) = &event.thread_id {
        fields.insert("threadId".to_owned(), json!(thread));
    }
    if let Some(channel) = &event.channel_id {
        fields.insert("channelId".to_owned(), json!(channel));
    }
    if let Some(user) = event.member.as_ref().or(event.by.as_ref()) {
        fields.insert("userId".to_owned(), json!(user));
    }
    let detail = event.detail.as_deref();
    let detail = detail.and_then(|detail| serde_json::from_str(detail).ok());
    if let Some(Value::Object(detail)) = detail {
        fields.extend(detail);
    }
    if event.kind == Kind::ReactionChanged
        && let Some(message) = &event.message
    {
        let counts = message
            .reactions
            .iter()
            .map(|reaction| json!({ "emoji": reaction.emoji, "count": reaction.count }));
        fields.insert("reactions".to_owned(), Value::Array(counts.collect()));
    }
    fields
}

#[cfg(test)]
mod tests {
    use contracts::messaging::types::Message;

    use super::*;

    fn event(kind: Kind) -> Event {
        Event {
            kind,
            number: 7,
            previous: 4,
            channel_id: Some("c".into()),
            thread_id: Some("t".into()),
            member: None,
            by: Some("user_1".into()),
            detail: None,
            at: 1_771_581_600_000,
            message: None,
        }
    }

    fn message() -> Message {
        Message {
            id: "m".into(),
            thread_id: "t".into(),
            channel_id: "c".into(),
            number: 3,
            sender: None,
            content: "Hola".into(),
            attachments: vec![],
            mentions: vec![],
            reply_to: None,
            reactions: vec![],
            created_at: 1_771_581_600_000,
            edited_at: None,
            deleted: false,
        }
    }

    fn shown(event: &Event, scope: Scope<'_>) -> Value {
        let text = frame(event, "e", scope);
        // The proxy takes texts that begin otherwise for its own.
        assert!(text.starts_with('{'));
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn frame_of_a_message_has_the_message_and_its_place() {
        let posted = Event {
            message: Some(message()),
            ..event(Kind::MessagePosted)
        };
        let frame = shown(&posted, Scope::Thread);
        assert_eq!(frame["type"], "NEW_MESSAGE");
        assert_eq!(frame["id"], "e-7");
        assert_eq!(frame["payload"]["content"], "Hola");
        assert_eq!(
            (&frame["number"], &frame["previous"]),
            (&json!(7), &json!(4))
        );
        assert_eq!(shown(&posted, Scope::Channel)["previous"], 6);
    }

    #[test]
    fn frame_of_a_deletion_names_the_message_as_the_contract_does() {
        let deleted = Event {
            message: Some(message()),
            detail: Some(r#"{"number":3}"#.into()),
            by: None,
            ..event(Kind::MessageDeleted)
        };
        assert_eq!(
            shown(&deleted, Scope::Thread)["payload"],
            json!({ "messageId": "m", "threadId": "t", "channelId": "c", "number": 3 })
        );
    }

    #[test]
    fn frame_of_a_member_names_who_it_is_about() {
        let removed = Event {
            thread_id: None,
            member: Some("user_2".into()),
            detail: Some(r#"{"banned":true}"#.into()),
            ..event(Kind::MemberRemoved)
        };
        assert_eq!(
            shown(&removed, Scope::Feed("user_2"))["payload"],
            json!({ "channelId": "c", "userId": "user_2", "banned": true })
        );
    }
}
