//! `POST /api/messages/:id/stop`: stops the answer to a message.

use contracts::messaging::{
    members, messages,
    types::{Actor, Message, Refusal, Role},
};
use http_edge::{ApiError, Context, Response};
use serde::Serialize;

use super::{Assistant, answer_to};
use crate::MESSAGE;

/// The text in place of an answer.
const STOPPED: &str = "The answer was stopped.";

#[derive(Serialize)]
struct Stopped {
    success: bool,
    /// False if there is nothing to stop: there is an answer, or nothing was asked.
    stopped: bool,
}

/// The author of the question may, and moderators and admins.
pub(crate) async fn stop_answer(context: &mut Context) -> Result<Response, ApiError> {
    let actor = team::actor(context).await?;
    let id = context.uuid("id", MESSAGE)?;
    let question = messages::get(actor.clone(), id)
        .await
        .map_err(error_mapping::messaging)?;
    require_may_stop(actor, &question).await?;
    let stopped = match (Assistant::configured().await, &question.sender) {
        (Some(assistant), Some(author)) if assistant.is_mentioned_in(&question.content) => {
            post_in_place_of_answer(&assistant, &question, author.id.clone()).await?
        }
        _ => false,
    };
    Ok(Response::json(&Stopped {
        success: true,
        stopped,
    }))
}

async fn require_may_stop(actor: Actor, question: &Message) -> Result<(), ApiError> {
    let Actor::User(user) = &actor else {
        return Ok(());
    };
    if question
        .sender
        .as_ref()
        .is_some_and(|sender| sender.id == *user)
    {
        return Ok(());
    }
    let user = user.clone();
    let member = members::get(actor, question.channel_id.clone(), user)
        .await
        .map_err(error_mapping::messaging)?;
    match member.role {
        Role::Moderator | Role::Admin => Ok(()),
        Role::Member => Err(error_mapping::messaging(
            contracts::messaging::types::Error::Forbidden(Refusal::NotTheAuthor),
        )),
    }
}

/// Whether there was no answer before.
async fn post_in_place_of_answer(
    assistant: &Assistant,
    question: &Message,
    author: String,
) -> Result<bool, ApiError> {
    assistant
        .ensure_profile()
        .await
        .map_err(error_mapping::messaging)?;
    let posted = messages::post(author, answer_to(question, STOPPED))
        .await
        .map_err(error_mapping::messaging)?;
    Ok(!posted.existed)
}
