//! Preparing the prompt: which model is asked, and what it is told.

use completion::{Keep, Moderation, check_texts, choose_model, text_message};
use contracts::{
    conversations::{turns::Turn, types as stored},
    llm::types::{Error, Message, Model, Role},
};
use futures::future::join;
use http_edge::ApiError;
use spin_sdk::variables;

use crate::{context_window, request::TurnRequest};

/// A prompt that may be sent to its model.
pub(crate) struct Prompt {
    pub(crate) model: String,
    pub(crate) messages: Vec<Message>,
    /// The user's message, moderated.
    pub(crate) message: String,
    /// What the reply has to pass.
    pub(crate) moderation: Moderation,
    /// Whether the conversation is new, and has no title of the user's own.
    pub(crate) needs_title: bool,
}

/// Moderates what the user wrote, and chooses model, instructions and history. Nothing is stored.
pub(crate) async fn prepare(
    turn: &Turn,
    request: &mut TurnRequest,
    catalogue: &[Model],
) -> Result<Prompt, ApiError> {
    let mut preferences = turn.preferences();
    preferences.system_prompt = turn.system().or(preferences.system_prompt);
    let last_model = turn.model();
    let message = turn.regenerated_message().or(request.message.take());
    let mut message = message.unwrap_or_default();
    let system = request.system.as_mut();
    let system = system.or(preferences.system_prompt.as_mut());
    let moderation = moderate(&mut message, system).await?;
    let model = match request.model.as_deref() {
        Some(id) => requested_model(id, catalogue).map_err(error_mapping::llm)?,
        None => {
            let preferred = [last_model.as_deref(), preferences.default_model.as_deref()];
            choose_model(&preferred, catalogue).await?
        }
    };
    let system = choose_system(request.system.take(), preferences.system_prompt).await;
    let context_window =
        model_choice::find(&model, catalogue).and_then(|model| model.context_window);
    let history = context_window::truncate(
        turn.history(),
        context_window,
        request.max_tokens,
        &[system.as_deref().unwrap_or_default(), &message],
    );
    Ok(Prompt {
        messages: messages(system, history, &message),
        model,
        message,
        moderation,
        needs_title: turn.needs_title(),
    })
}

/// Checks what the user wrote, and opens what the reply has to pass.
async fn moderate(
    message: &mut String,
    system: Option<&mut String>,
) -> Result<Moderation, ApiError> {
    let mut texts = vec![("message".to_owned(), message)];
    texts.extend(system.map(|system| ("system".to_owned(), system)));
    let (checked, moderation) = join(check_texts(texts), Moderation::open(Keep::Text)).await;
    checked?;
    moderation
}

/// The model that the request names. It must exist and be configured.
fn requested_model(id: &str, catalogue: &[Model]) -> Result<String, Error> {
    match model_choice::find(id, catalogue) {
        None => Err(Error::UnknownModel),
        Some(model) if !model.available => {
            let variable = model_choice::variable_of(&model.provider);
            Err(Error::NotConfigured(variable.to_owned()))
        }
        Some(model) => Ok(model.id.clone()),
    }
}

/// The instructions: the request's, else the user's, else the operator's, else none.
async fn choose_system(of_request: Option<String>, of_user: Option<String>) -> Option<String> {
    let is_given = |text: &String| !text.trim().is_empty();
    if let Some(system) = of_request.filter(is_given).or(of_user.filter(is_given)) {
        return Some(system);
    }
    let of_operator = variables::get("system_prompt").await.unwrap_or_default();
    Some(of_operator).filter(is_given)
}

/// Instructions, history and the new message. Empty replies are left out: providers refuse empty
/// messages.
fn messages(system: Option<String>, history: Vec<stored::Message>, message: &str) -> Vec<Message> {
    let instructions = system.map(|content| text_message(Role::System, content));
    let history = history
        .into_iter()
        .filter(|message| !message.content.trim().is_empty())
        .map(|message| {
            let role = match message.role {
                stored::Role::User => Role::User,
                stored::Role::Assistant => Role::Assistant,
            };
            text_message(role, message.content)
        });
    let new = text_message(Role::User, message.to_owned());
    instructions
        .into_iter()
        .chain(history)
        .chain([new])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::llm::types::Part;
    use contracts::llm::types::{ReasoningInput, StreamMode, SystemRole};

    fn stored_message(role: stored::Role, content: &str) -> stored::Message {
        stored::Message {
            id: "m".into(),
            role,
            content: content.into(),
            timestamp: 0,
            status: stored::MessageStatus::Complete,
            model: None,
            failure: None,
            versions: Vec::new(),
        }
    }

    #[test]
    fn messages_with_an_empty_reply_leaves_it_out() {
        let history = vec![
            stored_message(stored::Role::User, "one"),
            stored_message(stored::Role::Assistant, ""),
            stored_message(stored::Role::User, "two"),
            stored_message(stored::Role::Assistant, "2"),
        ];
        let prompt: Vec<_> = messages(Some("be brief".into()), history, "three")
            .into_iter()
            .map(|message| match message.content.as_slice() {
                [Part::Text(part)] => (message.role, part.text.clone()),
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
    fn requested_model_must_exist_and_be_configured() {
        let catalogue = [Model {
            id: "gpt-4o".into(),
            name: "GPT-4o".into(),
            provider: "openai".into(),
            available: false,
            context_window: None,
            max_output_tokens: None,
            parameters: Vec::new(),
            stream: StreamMode::Always,
            system_role: SystemRole::AsSent,
            images: false,
            reasoning_input: ReasoningInput::None,
            prices: None,
        }];
        assert!(matches!(
            requested_model("gpt-5000", &catalogue),
            Err(Error::UnknownModel)
        ));
        assert!(matches!(
            requested_model("gpt-4o", &catalogue),
            Err(Error::NotConfigured(variable)) if variable == "openai_api_key"
        ));
    }
}
