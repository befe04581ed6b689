//! The part of a conversation that fits a model's context window.

use contracts::conversations::types::Role;
use token_estimate::tokens_of;

/// Tokens kept free for the reply if the client sets no limit; fewer in a small window.
const REPLY_TOKENS: u32 = 4_096;

/// Tokens of a message besides its text.
const MESSAGE_TOKENS: u32 = 8;

/// A message before the one that is answered.
pub(crate) trait Earlier {
    /// Who wrote it.
    fn role(&self) -> Role;

    /// How much of the prompt it takes, in bytes of text.
    fn bytes(&self) -> usize;
}

/// Drops the oldest turns (a message and the reply to it) that do not fit a window beside the reply
/// and what is always sent (`required`: the bytes of instructions and of the new message). Token counts are
/// estimates, so a tenth of the window stays free. Without a known window nothing is dropped.
pub(crate) fn truncate<M: Earlier>(
    mut history: Vec<M>,
    window: Option<u32>,
    max_tokens: Option<u32>,
    required: &[usize],
) -> Vec<M> {
    let Some(window) = window else {
        return history;
    };
    let reply = max_tokens.unwrap_or_else(|| REPLY_TOKENS.min(window / 4));
    let mut room = (window - window / 10).saturating_sub(reply);
    for bytes in required {
        room = room.saturating_sub(tokens(*bytes));
    }
    let mut first = history.len();
    let mut turn = 0_u32;
    for (at, message) in history.iter().enumerate().rev() {
        turn = turn.saturating_add(tokens(message.bytes()));
        if turn > room {
            break;
        }
        // A turn begins with the user's message.
        if message.role() == Role::User {
            room = room.saturating_sub(turn);
            turn = 0;
            first = at;
        }
    }
    history.split_off(first)
}

fn tokens(bytes: usize) -> u32 {
    tokens_of(bytes).saturating_add(MESSAGE_TOKENS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone)]
    struct Sized {
        turn: usize,
        role: Role,
        bytes: usize,
    }

    impl Earlier for Sized {
        fn role(&self) -> Role {
            self.role
        }

        fn bytes(&self) -> usize {
            self.bytes
        }
    }

    fn history(turns: usize, bytes: usize) -> Vec<Sized> {
        let roles = [Role::User, Role::Assistant];
        (0..turns)
            .flat_map(|turn| roles.map(|role| Sized { turn, role, bytes }))
            .collect()
    }

    fn kept_turns(
        history: Vec<Sized>,
        window: u32,
        max_tokens: Option<u32>,
        required: &[usize],
    ) -> Vec<usize> {
        let rest = truncate(history, Some(window), max_tokens, required);
        assert!(rest.first().is_none_or(|first| first.role == Role::User));
        assert_eq!(rest.len() % 2, 0, "whole turns");
        rest.into_iter()
            .step_by(2)
            .map(|first| first.turn)
            .collect()
    }

    #[test]
    fn truncate_drops_the_oldest_whole_turns() {
        // A turn is 2 * (100 + 8) tokens; 1000 - 100 - 200 leaves room for three.
        assert_eq!(
            kept_turns(history(5, 400), 1_000, Some(200), &[]),
            [2, 3, 4]
        );
        assert_eq!(kept_turns(history(2, 400), 1_000, Some(200), &[]), [0, 1]);
        assert_eq!(
            kept_turns(history(5, 400), 1_000, Some(200), &[400 * 4]),
            [4]
        );
        assert!(kept_turns(history(5, 400), 1_000, Some(5_000), &[]).is_empty());
        assert!(kept_turns(history(5, 400), 0, None, &[1]).is_empty());
        assert_eq!(truncate(history(5, 4_000), None, None, &[]).len(), 10);
    }

    #[test]
    fn truncate_turn_too_long_drops_all_before_it() {
        let mut turns = history(3, 40);
        turns[3].bytes = 40_000;
        assert_eq!(kept_turns(turns, 4_000, None, &[]), [2]);
    }
}
