//! What the AI SDK's `DefaultChatTransport` asks: `{id, messages, trigger, messageId}` and fields of
//! the app's own, of which we know some. The other form that its documentation shows sends only the
//! last message, as `message`: the conversation is kept here.

use contracts::conversations::turns::{Intent, NamedMessage};
use http_edge::{ApiError, JsonText, Validator};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

use crate::request::{AgainBody, Asked, MAX_CHARACTERS};

/// Longest id of a chat or a message, in bytes.
pub(crate) const MAX_ID: usize = 128;

/// The body as it comes. Fields that are none of ours are the app's own, and mean nothing here.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UiBody {
    id: String,
    messages: Option<Vec<UiMessage>>,
    message: Option<UiMessage>,
    #[serde(default)]
    trigger: Trigger,
    message_id: Option<String>,
    model: Option<String>,
    system: Option<String>,
    temperature: Option<f64>,
    max_tokens: Option<u32>,
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

/// Of the many kinds of parts only text is taken from the user; others occur in earlier messages.
#[derive(Debug, Default, Deserialize)]
struct Part {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
}

/// What is asked, of which chat.
#[derive(Debug)]
pub(crate) struct Wish {
    /// The client's id of the chat.
    pub(crate) chat: String,
    pub(crate) asked: Asked,
}

/// Whether a body is one of these, rather than ours, in which `message` is a text.
pub(crate) fn is_one(body: &JsonText) -> bool {
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
    /// What it asks, found good as far as that can be seen by itself.
    pub(crate) fn checked(mut self) -> Result<Wish, ApiError> {
        let mut check = Validator::new();
        check.require(is_id(&self.id), "id", "must be 1 to 128 bytes");
        let before = self.messages.as_ref().map(|messages| {
            let (_, earlier) = messages.split_last().unwrap_or((&EMPTY, &[]));
            let said = earlier.iter().filter(|message| message.role == Role::User);
            u32::try_from(said.count()).unwrap_or(u32::MAX)
        });
        let (path, last) = match self.messages.take() {
            Some(mut messages) => {
                let at = messages.len().saturating_sub(1);
                (format!("messages[{at}]"), messages.pop())
            }
            None => ("message".to_owned(), self.message.take()),
        };
        let Some(last) = last.filter(|message| message.role == Role::User) else {
            check.require(false, &path, "The last message must have the role `user`.");
            check.finish()?;
            return Err(ApiError::invalid(path, "is missing"));
        };
        let text = last.text(&path)?;
        let intent = match (self.trigger, &self.message_id) {
            (Trigger::RegenerateMessage, _) => Intent::Again,
            // An edited message has its place and its id already.
            (Trigger::SubmitMessage, Some(id)) if *id == last.id => Intent::Change,
            (Trigger::SubmitMessage, Some(_)) => {
                let wrong = "must be the id of the last message, if there is one";
                check.require(false, "messageId", wrong);
                Intent::Add
            }
            (Trigger::SubmitMessage, None) => Intent::Add,
        };
        check
            .require(
                is_id(&last.id),
                &format!("{path}.id"),
                "must be 1 to 128 bytes",
            )
            .require(
                !text.trim().is_empty(),
                &format!("{path}.parts"),
                "must have text that is not all white space",
            )
            .max_length(&format!("{path}.parts"), &text, MAX_CHARACTERS);
        let settings = AgainBody {
            model: self.model,
            system: self.system,
            temperature: self.temperature,
            max_tokens: self.max_tokens,
        };
        let asked = Asked {
            message: Some(text),
            named: Some(NamedMessage {
                name: last.id,
                before,
                intent,
            }),
            ..settings.checked(&mut check)?
        };
        Ok(Wish {
            chat: self.id,
            asked,
        })
    }
}

/// Stands for a message where there is none.
const EMPTY: UiMessage = UiMessage {
    id: String::new(),
    role: Role::User,
    parts: Vec::new(),
};

impl UiMessage {
    /// Its text parts, each a paragraph of its own.
    fn text(&self, path: &str) -> Result<String, ApiError> {
        let mut texts = Vec::new();
        for (at, part) in self.parts.iter().enumerate() {
            let place = || format!("{path}.parts[{at}]");
            match (part.kind.as_str(), &part.text) {
                ("text", Some(text)) => texts.push(text.as_str()),
                ("text", None) => {
                    return Err(ApiError::invalid(format!("{}.text", place()), "is missing"));
                }
                // Bounds between the steps of a reply; says nothing.
                ("step-start", _) => {}
                _ => {
                    let wrong = "Only text parts are supported.";
                    return Err(ApiError::invalid(place(), wrong));
                }
            }
        }
        Ok(texts.join("\n\n"))
    }
}

fn is_id(text: &str) -> bool {
    (1..=MAX_ID).contains(&text.len())
}
