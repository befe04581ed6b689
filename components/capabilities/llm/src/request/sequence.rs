//! The messages in an order that providers accept: without empty replies, with results of tools right
//! after their calls, and with one message of each side in turn where the model needs that.

use crate::bindings::{Message, Part, Role, TextPart};
use std::borrow::Cow;

/// A message of the prompt.
#[derive(Debug, Clone)]
pub(crate) struct PromptMessage<'a> {
    /// Its position in the request, for paths in errors.
    pub(crate) index: usize,
    pub(crate) message: Cow<'a, Message>,
}

/// The messages of a prompt.
pub(crate) type Prompt<'a> = Vec<PromptMessage<'a>>;

/// The messages as they are sent. `alternates`: whether messages of one side in a row are joined, and
/// the user begins.
pub(crate) fn prompt(messages: &[Message], alternates: bool) -> Prompt<'_> {
    let mut prompt = after_their_calls(messages);
    if alternates {
        // Left over from a conversation whose beginning was cut off.
        let is_instruction = |role| matches!(role, Role::System | Role::Developer);
        let begins = prompt
            .iter()
            .find(|next| !is_instruction(next.message.role))
            .map_or(0, |first| first.index);
        prompt.retain(|next| {
            let is_left_over = next.index == begins
                && next.message.role == Role::Assistant
                && next.message.tool_calls.is_empty();
            !is_left_over
        });
        prompt = joined(prompt);
    }
    prompt
}

/// Without empty replies, and with results after their calls, in the calls' order.
fn after_their_calls(messages: &[Message]) -> Prompt<'_> {
    let mut results: Vec<(usize, &Message)> = messages
        .iter()
        .enumerate()
        .filter(|(_, message)| message.role == Role::Tool)
        .collect();
    let mut prompt = Vec::new();
    let mut add = |index, message| {
        prompt.push(PromptMessage {
            index,
            message: Cow::Borrowed(message),
        });
    };
    for (index, message) in messages.iter().enumerate() {
        match message.role {
            Role::Tool => {
                // Without a call before it: the provider says what is wrong.
                if let Some(at) = results.iter().position(|(result, _)| *result == index) {
                    results.remove(at);
                    add(index, message);
                }
            }
            Role::Assistant if message.is_blank() && message.extra.is_none() => {}
            _ => {
                add(index, message);
                for call in &message.tool_calls {
                    let is_result = |result: &(usize, &Message)| {
                        result.0 > index && result.1.tool_call_id.as_ref() == Some(&call.id)
                    };
                    if let Some(at) = results.iter().position(is_result) {
                        let (index, result) = results.remove(at);
                        add(index, result);
                    }
                }
            }
        }
    }
    prompt
}

/// With messages of the user in a row joined, and those of the assistant.
fn joined(prompt: Prompt<'_>) -> Prompt<'_> {
    let mut out: Prompt<'_> = Vec::new();
    for next in prompt {
        match out.last_mut() {
            Some(last) if can_join(&last.message, &next.message) => {
                let last = last.message.to_mut();
                // As one text, if both are: many templates take no parts.
                if let ([Part::Text(first)], [Part::Text(second)]) =
                    (last.content.as_mut_slice(), next.message.content.as_slice())
                    && first.extra.is_none()
                    && second.extra.is_none()
                {
                    *first = TextPart {
                        text: format!("{}\n\n{}", first.text, second.text),
                        extra: None,
                    };
                } else {
                    last.content.extend(next.message.content.iter().cloned());
                }
            }
            _ => out.push(next),
        }
    }
    out
}

fn can_join(last: &Message, next: &Message) -> bool {
    last.role == next.role
        && matches!(last.role, Role::User | Role::Assistant)
        && last.tool_calls.is_empty()
        && next.tool_calls.is_empty()
        && last.name == next.name
        && last.extra.is_none()
        && next.extra.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::testing::{calling, message, result};

    fn order(messages: &[Message], alternates: bool) -> Vec<(usize, String)> {
        prompt(messages, alternates)
            .iter()
            .map(|next| (next.index, next.message.text().into_owned()))
            .collect()
    }

    #[test]
    fn prompt_after_a_failed_reply_alternates() {
        let messages = [
            message(Role::System, "Be kind."),
            message(Role::User, "one"),
            message(Role::Assistant, ""),
            message(Role::User, "two"),
        ];
        let one = |index: usize, text: &str| (index, text.to_owned());
        assert_eq!(
            order(&messages, true),
            [one(0, "Be kind."), one(1, "one\n\ntwo")]
        );
        assert_eq!(
            order(&messages, false),
            [one(0, "Be kind."), one(1, "one"), one(3, "two")]
        );
    }

    #[test]
    fn prompt_begins_with_the_user_where_it_must() {
        let messages = [
            message(Role::Assistant, "left over"),
            message(Role::User, "one"),
        ];
        assert_eq!(order(&messages, true), [(1, "one".to_owned())]);
        assert_eq!(order(&messages, false).len(), 2);
    }

    #[test]
    fn prompt_results_follow_their_calls() {
        let mut two = calling("a", "{}");
        two.tool_calls.extend(calling("b", "{}").tool_calls);
        let messages = [
            message(Role::User, "go"),
            two,
            message(Role::User, "and?"),
            result("b", "B"),
            result("a", "A"),
            result("c", "C"),
        ];
        let indices: Vec<usize> = order(&messages, false).iter().map(|next| next.0).collect();
        assert_eq!(indices, [0, 1, 4, 3, 2, 5]);
    }
}
