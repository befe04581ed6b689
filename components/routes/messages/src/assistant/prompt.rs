//! What the model is told.

use completion::text_message;
use contracts::{
    llm::types::{Message as PromptMessage, Role},
    messaging::types::Message,
};

use super::ASSISTANT;

/// How many of the thread's last messages the model is shown, with the question.
pub(super) const CONTEXT_MESSAGES: u32 = 20;
/// How much text of them, in characters; the oldest are left out first.
const MAX_CONTEXT: usize = 24_000;

/// The prompt for a question, which is the last of `messages`, the oldest first.
pub(super) fn prompt(name: &str, system_prompt: &str, messages: &[Message]) -> Vec<PromptMessage> {
    let instructions = format!(
        "You are {name}, a member of a team chat. Each message of the others begins with the name of its \
         author. Answer the last message, which mentions you. {system_prompt}"
    );
    let mut left = MAX_CONTEXT;
    let mut context: Vec<_> = messages
        .iter()
        .rev()
        .filter(|message| !message.content.trim().is_empty())
        .enumerate()
        .map_while(|(index, message)| {
            left = left
                .checked_sub(message.content.chars().count())
                .or((index == 0).then_some(0))?;
            Some(as_prompt(message))
        })
        .collect();
    context.push(text_message(Role::System, instructions.trim().to_owned()));
    context.reverse();
    context
}

fn as_prompt(message: &Message) -> PromptMessage {
    match &message.sender {
        Some(sender) if sender.id == ASSISTANT => {
            text_message(Role::Assistant, message.content.clone())
        }
        sender => {
            let author = sender.as_ref().map_or("Somebody", |sender| &sender.name);
            text_message(Role::User, format!("{author}: {}", message.content))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::{llm::types::Part, messaging::types::UserSummary};

    fn message(sender: Option<&str>, content: &str) -> Message {
        Message {
            id: "m".into(),
            thread_id: "t".into(),
            channel_id: "c".into(),
            number: 1,
            sender: sender.map(|id| UserSummary {
                id: id.into(),
                name: format!("Name of {id}"),
                image: None,
            }),
            content: content.into(),
            attachments: vec![],
            mentions: vec![],
            reply_to: None,
            reactions: vec![],
            created_at: 0,
            edited_at: None,
            deleted: false,
        }
    }

    fn shown(messages: &[Message]) -> Vec<(Role, String)> {
        let prompt = prompt("goldfish", "Be brief.", messages);
        let text = |message: PromptMessage| match message.content.as_slice() {
            [Part::Text(part)] => (message.role, part.text.clone()),
            parts => panic!("{parts:?}"),
        };
        prompt.into_iter().map(text).collect()
    }

    #[test]
    fn prompt_names_the_authors_and_leaves_deleted_messages_out() {
        let messages = [
            message(Some("u1"), "One"),
            message(Some(ASSISTANT), "Two"),
            message(None, "Three"),
            message(Some("u1"), ""),
            message(Some("u2"), "@goldfish?"),
        ];
        let shown = shown(&messages);
        assert_eq!(shown[0].0, Role::System);
        assert!(shown[0].1.contains("You are goldfish") && shown[0].1.ends_with("Be brief."));
        assert_eq!(
            shown[1..],
            [
                (Role::User, "Name of u1: One".to_owned()),
                (Role::Assistant, "Two".to_owned()),
                (Role::User, "Somebody: Three".to_owned()),
                (Role::User, "Name of u2: @goldfish?".to_owned()),
            ]
        );
    }

    #[test]
    fn prompt_of_long_messages_keeps_the_last_ones() {
        let long = "é".repeat(10_000);
        let messages: Vec<_> = (0..5).map(|_| message(Some("u"), &long)).collect();
        assert_eq!(shown(&messages).len(), 1 + 2);
        let endless = [message(Some("u"), &"é".repeat(50_000))];
        assert_eq!(
            shown(&endless).len(),
            2,
            "the question itself is always there"
        );
    }
}
