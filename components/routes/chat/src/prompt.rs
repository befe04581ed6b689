//! What the model is told, and which model it is.

use contracts::{
    conversations::types as said,
    llm::types::{Error, Message, Model, Part, Role},
};
use http_edge::{ApiError, Cause};
use spin_sdk::variables;

use crate::request::Asked;

/// The model asked for, which must exist (400) and be configured (503); else the conversation's,
/// the user's, the operator's or the first available one.
pub(crate) async fn choose_model(
    asked: &Asked,
    of_conversation: Option<String>,
    preferences: &said::PreferenceValues,
    models: &[Model],
) -> Result<String, ApiError> {
    if let Some(id) = asked.model.as_deref() {
        return asked_model(id, models).map_err(error_mapping::llm);
    }
    let of_operator = variables::get("default_model").await.unwrap_or_default();
    let wishes = [
        of_conversation.as_deref(),
        preferences.default_model.as_deref(),
        Some(of_operator.as_str()),
    ];
    model_choice::choose(&wishes, models)
        .map(|model| model.id.clone())
        .ok_or_else(|| {
            ApiError::ProviderUnavailable(
                "No model is configured on this server.",
                None,
                Cause::new("no model available"),
            )
        })
}

fn asked_model(id: &str, models: &[Model]) -> Result<String, Error> {
    match model_choice::find(id, models) {
        None => Err(Error::UnknownModel),
        Some(model) if !model.available => Err(Error::NotConfigured),
        Some(model) => Ok(model.id.clone()),
    }
}

/// The instructions: the request's, else the user's, else the operator's, else none.
pub(crate) async fn choose_system(
    of_request: Option<String>,
    of_user: Option<String>,
) -> Option<String> {
    let given = |text: &String| !text.trim().is_empty();
    if let Some(system) = of_request.filter(given).or(of_user.filter(given)) {
        return Some(system);
    }
    let of_operator = variables::get("system_prompt").await.unwrap_or_default();
    Some(of_operator).filter(given)
}

/// Instructions, what was said so far, and the new message. Replies that never came are left out:
/// providers refuse empty messages.
pub(crate) fn messages(
    system: Option<String>,
    history: Vec<said::Message>,
    message: &str,
) -> Vec<Message> {
    let instructions = system.map(|content| text(Role::System, content));
    let so_far = history
        .into_iter()
        .filter(|said| !said.content.trim().is_empty())
        .map(|said| {
            let role = match said.role {
                said::Role::User => Role::User,
                said::Role::Assistant => Role::Assistant,
            };
            text(role, said.content)
        });
    let new = text(Role::User, message.to_owned());
    instructions
        .into_iter()
        .chain(so_far)
        .chain([new])
        .collect()
}

/// A message of plain text.
pub(crate) fn text(role: Role, text: String) -> Message {
    Message {
        role,
        content: vec![Part::Text(text)],
        name: None,
        tool_calls: Vec::new(),
        tool_call_id: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(role: said::Role, content: &str) -> said::Message {
        said::Message {
            id: "m".into(),
            role,
            content: content.into(),
            timestamp: 0,
            status: said::MessageStatus::Complete,
            model: None,
        }
    }

    #[test]
    fn prompt_is_system_history_message_without_empty_replies() {
        let history = vec![
            said(said::Role::User, "one"),
            said(said::Role::Assistant, ""),
            said(said::Role::User, "two"),
            said(said::Role::Assistant, "2"),
        ];
        let prompt: Vec<_> = messages(Some("be brief".into()), history, "three")
            .into_iter()
            .map(|message| match message.content.as_slice() {
                [Part::Text(text)] => (message.role, text.clone()),
                parts => panic!("{parts:?}"),
            })
            .collect();
        assert_eq!(
            prompt,
            [
                (Role::System, "be brief".to_owned()),
                (Role::User, "one".to_owned()),
                (Role::User, "two".to_owned()),
                (Role::Assistant, "2".to_owned()),
                (Role::User, "three".to_owned()),
            ]
        );
        assert_eq!(messages(None, Vec::new(), "hi").len(), 1);
    }

    #[test]
    fn a_named_model_must_exist_and_be_configured() {
        let models = [Model {
            id: "gpt-4o".into(),
            name: "GPT-4o".into(),
            provider: "openai".into(),
            available: false,
            context_window: None,
            prices: None,
        }];
        assert!(matches!(
            asked_model("gpt-5000", &models),
            Err(Error::UnknownModel)
        ));
        assert!(matches!(
            asked_model("gpt-4o", &models),
            Err(Error::NotConfigured)
        ));
    }
}
