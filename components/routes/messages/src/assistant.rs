//! The AI member: mentioned in a message, it answers in the thread, with a message of its own. The user
//! who asks pays for the answer.
//!
//! The answer has a client id that follows from the question, so that a question has one answer at most,
//! whatever is repeated: to stop an answer means to post another one first.

mod answer;
mod preview;
mod prompt;
pub(crate) mod stop;

use contracts::messaging::{
    messages::NewMessage,
    profiles::{self, AgeChange, Changes},
    types::{Error, Message, TextChange},
};
use spin_sdk::variables;

pub(crate) use answer::Question;

/// The id of the AI member. Ids of users begin otherwise.
pub(crate) const ASSISTANT: &str = "assistant";
/// Longest text of a message, in characters.
const MAX_CONTENT: usize = 10_000;

/// The AI member.
pub(crate) struct Assistant {
    name: String,
}

impl Assistant {
    /// None if it is off: the variable `assistant_name` is empty.
    pub(crate) async fn configured() -> Option<Self> {
        let name = variables::get("assistant_name").await.unwrap_or_default();
        let name = name.trim();
        (!handle(name).is_empty()).then(|| Self {
            name: name.to_owned(),
        })
    }

    /// Whether a text mentions it: `@`, not within a word, and its name without spaces, in any case.
    pub(crate) fn is_mentioned_in(&self, text: &str) -> bool {
        let wanted = handle(&self.name);
        let mut before = None;
        text.char_indices().any(|(position, character)| {
            let begins = character == '@' && !before.is_some_and(is_handle);
            before = Some(character);
            let rest = text.get(position.saturating_add(1)..).unwrap_or_default();
            let end = rest.find(|next| !is_handle(next)).unwrap_or(rest.len());
            let name = rest.get(..end).unwrap_or_default();
            begins && name.trim_end_matches(['.', '-']).to_lowercase() == wanted
        })
    }

    /// Makes it known to others under its name.
    async fn ensure_profile(&self) -> Result<(), Error> {
        profiles::ensure(ASSISTANT.to_owned(), self.name.clone(), None).await?;
        if profiles::get(ASSISTANT.to_owned()).await?.name == self.name {
            return Ok(());
        }
        let renamed = Changes {
            name: Some(self.name.clone()),
            image: TextChange::Keep,
            display_name: TextChange::Keep,
            avatar_url: TextChange::Keep,
            banner_url: TextChange::Keep,
            bio: TextChange::Keep,
            age: AgeChange::Keep,
        };
        profiles::update(ASSISTANT.to_owned(), renamed)
            .await
            .map(drop)
    }
}

/// The message that answers a question.
fn answer_to(question: &Message, text: &str) -> NewMessage {
    NewMessage {
        thread_id: question.thread_id.clone(),
        content: text.chars().take(MAX_CONTENT).collect(),
        attachments: Vec::new(),
        reply_to: Some(question.id.clone()),
        client_id: Some(format!("answer to {}", question.id)),
        sent_by: Some(ASSISTANT.to_owned()),
    }
}

/// A name as it is written after `@`.
fn handle(name: &str) -> String {
    name.to_lowercase()
        .chars()
        .filter(|character| is_handle(*character))
        .collect()
}

fn is_handle(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_mentioned_in_compares_whole_names_outside_of_words() {
        let assistant = Assistant {
            name: "Gold Fish".to_owned(),
        };
        for text in [
            "@goldfish",
            "Hi @GoldFish, help",
            "(@goldfish.)",
            "a @x @goldfish-",
        ] {
            assert!(assistant.is_mentioned_in(text), "{text}");
        }
        for text in [
            "",
            "goldfish",
            "a@goldfish",
            "@goldfishes",
            "@gold fish",
            "@",
            "@é",
        ] {
            assert!(!assistant.is_mentioned_in(text), "{text}");
        }
    }
}
