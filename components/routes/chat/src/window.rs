//! What of a conversation a model can still take in.

use contracts::conversations::types::{Message, Role};
use token_estimate::tokens_of;

/// Tokens left to the reply where the client sets no bound; less in a small window.
const REPLY: u32 = 4_096;

/// Tokens that a message takes besides its text.
const MESSAGE: u32 = 8;

/// Lets go of the oldest turns (a message and the reply to it) that do not fit a model's window
/// beside the reply and what is always sent (`kept`: instructions and the new message). Our tokens
/// are estimates, so a tenth of the window stays free. Where the window is not known, all is sent.
pub(crate) fn fitting(
    mut history: Vec<Message>,
    window: Option<u32>,
    max_tokens: Option<u32>,
    kept: &[&str],
) -> Vec<Message> {
    let Some(window) = window else {
        return history;
    };
    let reply = max_tokens.unwrap_or_else(|| REPLY.min(window / 4));
    let mut room = (window - window / 10).saturating_sub(reply);
    for text in kept {
        room = room.saturating_sub(cost(text));
    }
    let mut first = history.len();
    let mut turn = 0_u32;
    for (at, message) in history.iter().enumerate().rev() {
        turn = turn.saturating_add(cost(&message.content));
        if turn > room {
            break;
        }
        // A turn begins with the user's message.
        if message.role == Role::User {
            room = room.saturating_sub(turn);
            turn = 0;
            first = at;
        }
    }
    history.split_off(first)
}

fn cost(text: &str) -> u32 {
    tokens_of(text.len()).saturating_add(MESSAGE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::conversations::types::MessageStatus;

    fn history(turns: usize, bytes: usize) -> Vec<Message> {
        let message = |role, number: usize| Message {
            id: number.to_string(),
            role,
            content: "x".repeat(bytes),
            timestamp: 0,
            status: MessageStatus::Complete,
            model: None,
        };
        (0..turns)
            .flat_map(|number| {
                [
                    message(Role::User, number),
                    message(Role::Assistant, number),
                ]
            })
            .collect()
    }

    fn kept(
        history: Vec<Message>,
        window: u32,
        max_tokens: Option<u32>,
        kept: &[&str],
    ) -> Vec<String> {
        let fitting = fitting(history, Some(window), max_tokens, kept);
        assert!(fitting.first().is_none_or(|first| first.role == Role::User));
        assert_eq!(fitting.len() % 2, 0, "whole turns");
        fitting
            .into_iter()
            .step_by(2)
            .map(|first| first.id)
            .collect()
    }

    #[test]
    fn the_oldest_turns_go_first_and_whole() {
        // A turn is 2 * (100 + 8) tokens; 1000 - 100 - 200 leaves room for three.
        assert_eq!(
            kept(history(5, 400), 1_000, Some(200), &[]),
            ["2", "3", "4"]
        );
        assert_eq!(kept(history(2, 400), 1_000, Some(200), &[]), ["0", "1"]);
        let long = "y".repeat(400 * 4);
        assert_eq!(kept(history(5, 400), 1_000, Some(200), &[&long]), ["4"]);
        assert!(kept(history(5, 400), 1_000, Some(5_000), &[]).is_empty());
        assert!(kept(history(5, 400), 0, None, &["x"]).is_empty());
        assert_eq!(fitting(history(5, 4_000), None, None, &[]).len(), 10);
    }

    #[test]
    fn a_turn_too_long_hides_all_before_it() {
        let mut turns = history(3, 40);
        turns[3].content = "x".repeat(40_000);
        assert_eq!(kept(turns, 4_000, None, &[]), ["2"]);
    }
}
