//! Requests of the AI SDK's `DefaultChatTransport`: `{id, messages, trigger, messageId}` and fields
//! that the app adds. The other documented form sends only the last message, as `message`; the
//! conversation is stored here anyway.

use contracts::conversations::turns::{ClientMessage, MessageAction};
use http_edge::{ApiError, JsonText, Validator};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

use crate::{
    attachments::{Given, MAX_ATTACHMENTS},
    request::{MAX_CHARACTERS, ReasoningEffort, RegenerateBody, TurnRequest},
    response_format::ResponseFormat,
};

/// Longest id of a chat or a message, in bytes.
pub(crate) const MAX_ID: usize = 128;

/// The body of the request. Unknown fields belong to the app and are ignored.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UiBody {
    id: String,
    messages: Option<Vec<UiMessage>>,
    message: Option<UiMessage>,
    #[serde(default)]
    trigger: Trigger,
    message_id: Option<String>,
    /// Ids of files, besides the file parts of the message.
    attachments: Option<Vec<String>>,
    model: Option<String>,
    system: Option<String>,
    temperature: Option<f64>,
    max_tokens: Option<u32>,
    reasoning_effort: Option<ReasoningEffort>,
    response_format: Option<ResponseFormat>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Trigger {
    #[default]
    SubmitMessage,
    RegenerateMessage,
}

#[derive(Debug, Default, Deserialize)]
struct UiMessage {
    #[serde(default)]
    id: String,
    role: Role,
    #[serde(default)]
    parts: Vec<Part>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    System,
    #[default]
    User,
    Assistant,
}

/// Text and files are accepted from the user; parts of other types occur in earlier messages.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
    url: Option<String>,
    media_type: Option<String>,
    filename: Option<String>,
}

/// A validated request.
#[derive(Debug)]
pub(crate) struct ChatTurn {
    /// The client's id of the chat.
    pub(crate) chat: String,
    pub(crate) turn: TurnRequest,
}

/// Whether a body is the AI SDK's. In goldfish's own `message` is a string.
pub(crate) fn is_ai_sdk(body: &JsonText) -> bool {
    #[derive(Deserialize)]
    struct Probe {
        #[serde(default)]
        messages: Option<IgnoredAny>,
        #[serde(default)]
        message: Option<Value>,
    }
    body.read::<Probe>().is_ok_and(|probe| {
        probe.messages.is_some() || probe.message.is_some_and(|message| message.is_object())
    })
}

impl UiBody {
    /// Validates the ids of the messages before the last one, and of `message` beside `messages`.
    fn check_unused_ids(&self, check: &mut Validator) {
        let messages = self.messages.iter().flatten().enumerate();
        let messages = messages.map(|(at, message)| (format!("messages[{at}].id"), message));
        let message = self
            .message
            .iter()
            .map(|message| ("message.id".to_owned(), message));
        for (path, message) in messages.chain(message) {
            let is_short = message.id.chars().count() <= MAX_ID;
            check.require(is_short, &path, "must have at most 128 characters");
        }
    }

    /// Validates the request.
    pub(crate) fn validate(mut self) -> Result<ChatTurn, ApiError> {
        let mut check = Validator::new();
        check.require(is_id(&self.id), "id", "must be 1 to 128 bytes");
        let preceding = self.messages.as_ref().map(|messages| {
            let (_, earlier) = messages.split_last().unwrap_or((&EMPTY, &[]));
            let of_user = earlier.iter().filter(|message| message.role == Role::User);
            u32::try_from(of_user.count()).unwrap_or(u32::MAX)
        });
        let (path, last) = match &mut self.messages {
            Some(messages) => {
                let at = messages.len().saturating_sub(1);
                (format!("messages[{at}]"), messages.pop())
            }
            None => ("message".to_owned(), self.message.take()),
        };
        self.check_unused_ids(&mut check);
        let Some(mut last) = last.filter(|message| message.role == Role::User) else {
            check.require(false, &path, "The last message must have the role `user`.");
            check.finish()?;
            return Err(ApiError::invalid(path, "is missing"));
        };
        let (text, mut attachments) = last.take_content(&path)?;
        let action = match (self.trigger, &self.message_id) {
            (Trigger::RegenerateMessage, _) => MessageAction::Regenerate,
            // The AI SDK names the message that was edited.
            (Trigger::SubmitMessage, Some(id)) if *id == last.id => MessageAction::Replace,
            (Trigger::SubmitMessage, Some(_)) => {
                let message = "must be the id of the last message, if there is one";
                check.require(false, "messageId", message);
                MessageAction::Append
            }
            (Trigger::SubmitMessage, None) => MessageAction::Append,
        };
        let ids = self.attachments.unwrap_or_default();
        attachments.extend(Given::of_ids("attachments", ids, &mut check));
        check
            .require(
                is_id(&last.id),
                &format!("{path}.id"),
                "must be 1 to 128 bytes",
            )
            .require(
                !attachments.is_empty() || !text.trim().is_empty(),
                &format!("{path}.parts"),
                "must have a file, or text that is not all white space",
            )
            .require(
                attachments.len() <= MAX_ATTACHMENTS,
                &format!("{path}.parts"),
                "must be at most 10 files",
            )
            .max_length(&format!("{path}.parts"), &text, MAX_CHARACTERS);
        let options = RegenerateBody {
            message_id: None,
            model: self.model,
            system: self.system,
            temperature: self.temperature,
            max_tokens: self.max_tokens,
            reasoning_effort: self.reasoning_effort,
            response_format: self.response_format,
        };
        let turn = TurnRequest {
            message: Some(text),
            attachments: Some(attachments),
            client_message: Some(ClientMessage {
                id: last.id,
                preceding,
                action,
            }),
            ..options.validate(&mut check)?
        };
        Ok(ChatTurn {
            chat: self.id,
            turn,
        })
    }
}

/// In place of a message that is missing.
const EMPTY: UiMessage = UiMessage {
    id: String::new(),
    role: Role::User,
    parts: Vec::new(),
};

impl UiMessage {
    /// Its text parts, separated by empty lines, and its files.
    fn take_content(&mut self, path: &str) -> Result<(String, Vec<Given>), ApiError> {
        let mut texts = Vec::new();
        let mut files = Vec::new();
        for (at, part) in std::mem::take(&mut self.parts).into_iter().enumerate() {
            let place = || format!("{path}.parts[{at}]");
            let missing = |field| ApiError::invalid(format!("{}.{field}", place()), "is missing");
            match part.kind.as_str() {
                "text" => texts.push(part.text.ok_or_else(|| missing("text"))?),
                "file" => {
                    let url = part.url.ok_or_else(|| missing("url"))?;
                    let file = Given::of_url(place(), &url, part.media_type, part.filename)?;
                    files.push(file);
                }
                // Separates the steps of a reply.
                "step-start" => {}
                _ => {
                    let wrong = "Only text and file parts are supported.";
                    return Err(ApiError::invalid(place(), wrong));
                }
            }
        }
        Ok((texts.join("\n\n"), files))
    }
}

fn is_id(text: &str) -> bool {
    (1..=MAX_ID).contains(&text.len())
}
