//! The AI SDK's `useChat` (Vercel): its requests, and what they mean here. Replies go the same way
//! as any others; only the words differ.

pub(crate) mod chunks;
pub(crate) mod request;

use contracts::{
    conversations::{
        replies::{self, Reader, Standing},
        turns::{Intent, RequestKey},
        types::Error as StoreError,
    },
    identity::types::{Principal, Scope},
    quota::limits::Action,
};
use http_edge::{ApiError, Context, JsonText, Response, parse_uuid};
use uuid::Uuid;

use crate::{Stopped, answer, follow, repeat, request::Asked, wire::Wire};
use request::{MAX_ID, UiBody, Wish};

/// Makes ids of conversations from the ids that clients give their chats (RFC 9562, section 5.5).
const NAMESPACE: Uuid = Uuid::from_u128(0x3f1f_1c53_93b0_4f6c_a6b3_0d5f_8a5e_77b1);

/// `POST /api/chat` with a body of the AI SDK's.
pub(crate) async fn send_message(
    context: &mut Context,
    principal: Principal,
    body: &JsonText,
) -> Result<Response, ApiError> {
    let Wish { chat, asked } = body.read::<UiBody>()?.checked()?;
    let id = conversation(&principal.user.id, &chat);
    let asked = Asked {
        conversation_id: Some(id.clone()),
        ..asked
    };
    let key = key(context, &id, &asked)?;
    answer(context, principal, asked, key, Wire::UiMessages).await
}

/// `GET /api/chat/:id/stream`: the reply under way from its beginning; 204 when there is none.
pub(crate) async fn follow_reply(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::require_user(context).await?.user.id;
    let id = conversation(
        &user,
        &context.param("id", MAX_ID, error_mapping::CONVERSATION)?,
    );
    match Reader::open(user, id, None, 0).await {
        Ok(reader) if reader.standing() == Standing::Live => {
            Ok(follow::stream(context, reader, 0, Wire::UiMessages))
        }
        // A chat that nothing was said in is one all the same.
        Ok(_) | Err(StoreError::NotFound) => Ok(Response::empty(204)),
        Err(error) => Err(error_mapping::conversations(error, "id")),
    }
}

/// `POST /api/chat/:id/stop`: the client only stops listening, and a reply goes on without it.
pub(crate) async fn stop_reply(context: &mut Context) -> Result<Response, ApiError> {
    let principal = access::authenticate(context).await?;
    access::require_scope(&principal, Scope::Chat)?;
    let user = principal.user.id;
    access::admit(context, Action::Api, &user).await?;
    let id = conversation(
        &user,
        &context.param("id", MAX_ID, error_mapping::CONVERSATION)?,
    );
    let stopped = match replies::stop(user, id).await {
        Ok(stopped) => stopped,
        Err(StoreError::NotFound) => false,
        Err(error) => return Err(error_mapping::conversations(error, "id")),
    };
    Ok(Response::json(&Stopped {
        success: true,
        stopped,
    }))
}

/// The conversation that a user's client calls by that id: a UUID is its own, and of any other id
/// one is made, always the same.
fn conversation(user: &str, chat: &str) -> String {
    parse_uuid(chat).unwrap_or_else(|| {
        let name = format!("{user}\n{chat}");
        Uuid::new_v5(&NAMESPACE, name.as_bytes())
            .hyphenated()
            .to_string()
    })
}

/// Names a request by the client's key, or else a new message by its id: sent again, it is not
/// stored again.
fn key(context: &Context, id: &str, asked: &Asked) -> Result<Option<RequestKey>, ApiError> {
    let Some(named) = &asked.named else {
        return Ok(None);
    };
    let text = asked.message.as_deref().unwrap_or_default();
    let whole = (id, &named.name, text, &asked.settings());
    if let Some(key) = repeat::key(&context.head, "/api/chat", &whole)? {
        return Ok(Some(key));
    }
    // The space keeps it apart from all that a client can send.
    Ok((named.intent == Intent::Add).then(|| RequestKey {
        key: format!("message {id} {}", named.name),
        request: text.to_owned(),
    }))
}

#[cfg(test)]
mod tests;
