//! The AI SDK's `useChat` (Vercel). Its requests become ordinary turns; replies are encoded as UI
//! message chunks.

pub(crate) mod chunks;
mod request;

use contracts::conversations::turns::{IdempotencyKey, MessageAction};
use http_edge::{ApiError, Head, JsonText, parse_uuid};
use uuid::Uuid;

use crate::{attachments::Given, idempotency, request::TurnRequest};
use request::{ChatTurn, UiBody};

pub(crate) use request::{MAX_ID, is_ai_sdk};

/// Namespace of the conversation ids that are made from the client's chat ids (RFC 9562, section
/// 5.5).
const NAMESPACE: Uuid = Uuid::from_u128(0x3f1f_1c53_93b0_4f6c_a6b3_0d5f_8a5e_77b1);

/// Parses the body of `POST /api/chat` that the AI SDK sends.
pub(crate) fn parse(
    head: &Head,
    user: &str,
    body: &JsonText,
) -> Result<(TurnRequest, Option<IdempotencyKey>), ApiError> {
    let ChatTurn { chat, turn } = body.read::<UiBody>()?.validate()?;
    let id = conversation_id(user, &chat);
    let key = key(head, &id, &turn)?;
    let turn = TurnRequest {
        conversation_id: Some(id),
        ..turn
    };
    Ok((turn, key))
}

/// The conversation of a chat: its id if that is a UUID, else a UUID that is always the same for
/// this user and chat.
pub(crate) fn conversation_id(user: &str, chat: &str) -> String {
    parse_uuid(chat).unwrap_or_else(|| {
        let name = format!("{user}\n{chat}");
        Uuid::new_v5(&NAMESPACE, name.as_bytes())
            .hyphenated()
            .to_string()
    })
}

/// The client's key. Without one, a new message is identified by its id: sent again, it is not
/// stored again.
fn key(head: &Head, id: &str, turn: &TurnRequest) -> Result<Option<IdempotencyKey>, ApiError> {
    let Some(message) = &turn.client_message else {
        return Ok(None);
    };
    let text = turn.message.as_deref().unwrap_or_default();
    let files = turn.attachments.iter().flatten().map(Given::identity);
    let files: Vec<String> = files.collect();
    let content = (id, &message.id, text, &turn.options());
    let key = match files.as_slice() {
        [] => idempotency::key(head, "/api/chat", &content)?,
        files => idempotency::key(head, "/api/chat", &(content, files))?,
    };
    if key.is_some() {
        return Ok(key);
    }
    // No key of a client contains a space.
    Ok(
        (message.action == MessageAction::Append).then(|| IdempotencyKey {
            key: format!("message {id} {}", message.id),
            request: std::iter::once(text.to_owned())
                .chain(files)
                .collect::<Vec<_>>()
                .join("\n"),
        }),
    )
}

#[cfg(test)]
mod tests;
