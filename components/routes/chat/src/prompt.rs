//! Preparing the prompt: which model is asked, and what it is told.

use completion::{Keep, Moderation, check_texts, choose_model, part_bytes, text_message};
use contracts::{
    conversations::{turns::Turn, types as stored},
    llm::types::{Error, Message, Model, Part, Reasoning, ReasoningInput, Role},
};
use futures::future::join;
use http_edge::ApiError;
use spin_sdk::variables;

use crate::{
    attachments::{self, Answered, Budget},
    context_window::{self, Earlier},
    request::TurnRequest,
};

/// A prompt that may be sent to its model.
pub(crate) struct Prompt {
    pub(crate) model: String,
    pub(crate) messages: Vec<Message>,
    /// The user's message, moderated.
    pub(crate) message: String,
    /// What is stored of the files of the message.
    pub(crate) attachments: Vec<stored::Attachment>,
    /// What the reply has to pass.
    pub(crate) moderation: Moderation,
    /// Whether the conversation is new, and has no title of the user's own.
    pub(crate) needs_title: bool,
    /// For the log.
    pub(crate) warnings: Vec<String>,
}

/// A message before the one that is answered, with its files as the model receives them.
struct EarlierMessage {
    message: stored::Message,
    files: Vec<Part>,
}

impl Earlier for EarlierMessage {
    fn role(&self) -> stored::Role {
        self.message.role
    }

    fn bytes(&self) -> usize {
        let reasoning = self.message.reasoning.iter();
        let blocks = reasoning.flat_map(|reasoning| &reasoning.blocks);
        let sizes = blocks.map(|block| {
            let data = block.data.as_ref().map_or(0, String::len);
            block.text.len().saturating_add(data)
        });
        self.message
            .content
            .len()
            .saturating_add(sizes.fold(0, usize::saturating_add))
            .saturating_add(bytes_of(&self.files))
    }
}

fn bytes_of(parts: &[Part]) -> usize {
    parts.iter().map(part_bytes).fold(0, usize::saturating_add)
}

/// Moderates what the user wrote, and chooses model, instructions and history. Nothing is stored but files that
/// come as data with the message; their ids are added to `created`.
pub(crate) async fn prepare(
    user: &str,
    turn: &Turn,
    request: &mut TurnRequest,
    catalogue: &[Model],
    created: &mut Vec<String>,
) -> Result<Prompt, ApiError> {
    let mut preferences = turn.preferences();
    preferences.system_prompt = turn.system().or(preferences.system_prompt);
    let last_model = turn.model();
    let regenerated = turn.regenerated_message();
    let is_regenerated = regenerated.is_some();
    let message = regenerated.or(request.message.take());
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
    let found = model_choice::find(&model, catalogue);
    let mut budget = Budget::new(found.is_some_and(|model| model.images));
    let given = request.attachments.take().filter(|_| !is_regenerated);
    let paths = given.iter().flatten().map(|given| given.path.clone());
    let paths: Vec<String> = paths.collect();
    let attachments = match given {
        Some(given) => attachments::refer(user, given, created).await?,
        None => turn.attachments(),
    };
    let answered = match found {
        Some(model) if !attachments.is_empty() => {
            Answered::read(user, model, attachments, &paths, &mut budget).await?
        }
        _ => Answered::default(),
    };
    let fits = Window {
        tokens: found.and_then(|model| model.context_window),
        max_tokens: request.max_tokens,
        required: [
            system.as_ref().map_or(0, String::len),
            message.len().saturating_add(bytes_of(&answered.parts)),
        ],
    };
    let mut earlier = turn.history();
    for message in &mut earlier {
        let author = message.model.as_deref();
        message.reasoning = message
            .reasoning
            .take()
            .and_then(|reasoning| reasoning_for(found, author, reasoning));
    }
    let history = history(user, earlier, &fits, &mut budget).await?;
    Ok(Prompt {
        messages: messages(system, history, &message, answered.parts),
        model,
        message,
        attachments: answered.attachments,
        moderation,
        needs_title: turn.needs_title(),
        warnings: budget.warnings,
    })
}

/// What a model is given of the reasoning of an earlier reply of `author`: only what it wrote itself, and only blocks with
/// all that its provider needs to accept them.
fn reasoning_for(
    model: Option<&Model>,
    author: Option<&str>,
    mut reasoning: stored::Reasoning,
) -> Option<stored::Reasoning> {
    let model = model.filter(|model| author == Some(model.id.as_str()))?;
    match model.reasoning_input {
        ReasoningInput::None => return None,
        ReasoningInput::ReasoningContent | ReasoningInput::Reasoning => {}
        ReasoningInput::ReasoningDetails | ReasoningInput::ThinkingBlocks => {
            reasoning.blocks.retain(|block| block.data.is_some());
        }
    }
    Some(reasoning).filter(|reasoning| !reasoning.blocks.is_empty())
}

/// The parts of the prompt for reasoning of a model.
fn reasoning_parts(
    reasoning: stored::Reasoning,
    model: Option<&str>,
) -> impl Iterator<Item = Part> {
    let stored::Reasoning { provider, blocks } = reasoning;
    blocks.into_iter().map(move |block| {
        Part::Reasoning(Reasoning {
            text: block.text,
            data: block.data,
            provider: provider.clone(),
            model: model.map(str::to_owned),
        })
    })
}

/// What of the history fits.
struct Window {
    tokens: Option<u32>,
    max_tokens: Option<u32>,
    required: [usize; 2],
}

impl Window {
    fn truncate(&self, history: Vec<EarlierMessage>) -> Vec<EarlierMessage> {
        context_window::truncate(history, self.tokens, self.max_tokens, &self.required)
    }
}

/// The earlier messages with their files, the newest of which come first where not all can be sent.
async fn history(
    user: &str,
    messages: Vec<stored::Message>,
    fits: &Window,
    budget: &mut Budget,
) -> Result<Vec<EarlierMessage>, ApiError> {
    let messages = messages.into_iter().map(|message| EarlierMessage {
        message,
        files: Vec::new(),
    });
    // Files of messages that do not fit by their text alone are not read.
    let mut history = fits.truncate(messages.collect());
    let mut has_files = false;
    for earlier in history.iter_mut().rev() {
        if !earlier.message.attachments.is_empty() {
            earlier.files = attachments::earlier(user, &earlier.message, budget).await?;
            has_files = true;
        }
    }
    Ok(if has_files {
        fits.truncate(history)
    } else {
        history
    })
}

/// Checks what the user wrote, and opens what the reply has to pass.
async fn moderate(
    message: &mut String,
    system: Option<&mut String>,
) -> Result<Moderation, ApiError> {
    let mut texts = vec![("message".to_owned(), message)];
    texts.extend(system.map(|system| ("system".to_owned(), system)));
    let (checked, moderation) =
        join(check_texts(texts), Moderation::open(Keep::TextAndReasoning)).await;
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
fn messages(
    system: Option<String>,
    history: Vec<EarlierMessage>,
    message: &str,
    files: Vec<Part>,
) -> Vec<Message> {
    let instructions = system.map(|content| text_message(Role::System, content));
    let history = history
        .into_iter()
        .filter(|earlier| !earlier.files.is_empty() || !earlier.message.content.trim().is_empty())
        .map(|earlier| {
            let role = match earlier.message.role {
                stored::Role::User => Role::User,
                stored::Role::Assistant => Role::Assistant,
            };
            let stored::Message {
                content,
                reasoning,
                model,
                ..
            } = earlier.message;
            let reasoning = reasoning
                .into_iter()
                .flat_map(|reasoning| reasoning_parts(reasoning, model.as_deref()));
            let parts = earlier.files.into_iter().chain(reasoning);
            with_files(role, parts.collect(), content)
        });
    let new = with_files(Role::User, files, message.to_owned());
    instructions
        .into_iter()
        .chain(history)
        .chain([new])
        .collect()
}

/// A message with its files before its text, which may be empty then.
fn with_files(role: Role, files: Vec<Part>, text: String) -> Message {
    let is_empty = text.trim().is_empty() && !files.is_empty();
    let mut message = text_message(role, text);
    if is_empty {
        message.content.clear();
    }
    message.content.splice(..0, files);
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::llm::types::Part;
    use contracts::llm::types::{StreamMode, SystemRole};

    fn stored_message(role: stored::Role, content: &str) -> stored::Message {
        stored::Message {
            id: "m".into(),
            role,
            content: content.into(),
            attachments: Vec::new(),
            timestamp: 0,
            status: stored::MessageStatus::Complete,
            model: None,
            reasoning: None,
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
        let history = history.into_iter().map(|message| EarlierMessage {
            message,
            files: Vec::new(),
        });
        let history = history.collect();
        let prompt: Vec<_> = messages(Some("be brief".into()), history, "three", Vec::new())
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
        assert_eq!(messages(None, Vec::new(), "hi", Vec::new()).len(), 1);
    }

    fn model(reasoning_input: ReasoningInput) -> Model {
        Model {
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
            reasoning_input,
            prices: None,
        }
    }

    #[test]
    fn reasoning_for_a_model_is_its_own_with_what_its_provider_needs() {
        let block = |text: &str, data: Option<&str>| stored::ReasoningBlock {
            text: text.into(),
            data: data.map(str::to_owned),
        };
        let given = |input: ReasoningInput, author: &str| {
            let reasoning = stored::Reasoning {
                provider: Some("openai".into()),
                blocks: vec![
                    block("a", Some("{}")),
                    block("", Some("{}")),
                    block("b", None),
                ],
            };
            let model = model(input);
            let given = reasoning_for(Some(&model), Some(author), reasoning);
            given.map_or(0, |reasoning| reasoning.blocks.len())
        };
        assert_eq!(given(ReasoningInput::None, "gpt-4o"), 0);
        assert_eq!(given(ReasoningInput::Reasoning, "gpt-4o"), 3);
        assert_eq!(given(ReasoningInput::Reasoning, "o1"), 0);
        assert_eq!(given(ReasoningInput::ThinkingBlocks, "gpt-4o"), 2);
        assert_eq!(given(ReasoningInput::ReasoningDetails, "gpt-4o"), 2);
    }

    #[test]
    fn requested_model_must_exist_and_be_configured() {
        let catalogue = [model(ReasoningInput::None)];
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
