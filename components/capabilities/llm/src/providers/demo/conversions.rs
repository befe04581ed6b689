//! What the demo answers. Pure.

use crate::bindings::{ChatRequest, Completion, Role, StopReason, Usage};
use token_estimate::tokens_of;

/// The longest part of a message that is quoted back, in characters.
const QUOTE: usize = 120;

/// The pieces of the answer and its end. Each word is a piece and counts as a token.
pub(crate) fn answer(request: &ChatRequest) -> (Vec<String>, Completion) {
    let message = request
        .messages
        .iter()
        .rev()
        .find(|message| message.role == Role::User)
        .map_or("", |message| message.content.as_str());
    let turn = request
        .messages
        .iter()
        .filter(|message| message.role == Role::User)
        .count();
    let text = text(message.trim(), turn);
    let mut pieces: Vec<String> = text.split_inclusive(' ').map(str::to_owned).collect();
    let most = request.max_tokens.map_or(usize::MAX, |tokens| {
        usize::try_from(tokens).unwrap_or(usize::MAX)
    });
    let stop_reason = if pieces.len() > most {
        StopReason::Length
    } else {
        StopReason::End
    };
    pieces.truncate(most);
    let usage = Usage {
        prompt_tokens: prompt_estimate(request),
        completion_tokens: u32::try_from(pieces.len()).unwrap_or(u32::MAX),
        estimated: true,
    };
    (pieces, Completion { stop_reason, usage })
}

/// Tokens of the prompt.
pub(crate) fn prompt_estimate(request: &ChatRequest) -> u32 {
    tokens_of(
        request
            .messages
            .iter()
            .map(|message| message.content.len())
            .sum(),
    )
}

fn text(message: &str, turn: usize) -> String {
    if let Some(result) = calculation(message) {
        return format!(
            "[demo] {result} — I am a small program, not an AI, but this much I can work out."
        );
    }
    let words = message.split_whitespace().count();
    let lower = message.to_lowercase();
    let asks = |words: &[&str]| {
        lower
            .split(|letter: char| !letter.is_alphanumeric())
            .any(|word| words.contains(&word))
    };
    if asks(&["help", "setup", "configure", "model", "models", "key"]) {
        return "[demo] To talk to a real model, give this server one: set openai_api_key, anthropic_api_key, or \
                cloudflare_account_id with cloudflare_api_token, or point local_base_url at an OpenAI-compatible server \
                such as Ollama (http://localhost:11434/v1). As environment variables they begin with SPIN_VARIABLE_. \
                Then choose one of the models that GET /api/models lists as available."
            .to_owned();
    }
    let greeting = if asks(&["hello", "hi", "hey", "hallo", "bonjour", "hola"]) {
        "Hello! "
    } else {
        ""
    };
    let plural = if words == 1 { "" } else { "s" };
    let quote: String = message
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(QUOTE)
        .collect();
    format!(
        "[demo] {greeting}I am a small program, not an AI: no model is asked here. Message {turn} of our conversation has \
         {words} word{plural}: “{quote}”. Ask for help to learn how to connect a real model, or give me a sum such as 6 * 7."
    )
}

/// The result of `a + b`, `-`, `*`, `/`, if the message holds nothing else but a question around it.
fn calculation(message: &str) -> Option<String> {
    let sum = message
        .trim_end_matches(['?', '=', ' ', '.'])
        .to_lowercase();
    let sum = ["what is", "what's", "calculate", "compute"]
        .iter()
        .find_map(|start| sum.strip_prefix(start))
        .unwrap_or(&sum);
    let operators = ['+', '*', '/', '×', '÷', '-', '−'];
    // A first character may be a sign.
    let (at, operator) = sum
        .trim()
        .char_indices()
        .skip(1)
        .find(|(_, letter)| operators.contains(letter))?;
    let (left, right) = sum.trim().split_at_checked(at)?;
    let right = right.strip_prefix(operator)?;
    let (left, right): (f64, f64) = (left.trim().parse().ok()?, right.trim().parse().ok()?);
    let result = match operator {
        '+' => left + right,
        '*' | '×' => left * right,
        '/' | '÷' => left / right,
        _ => left - right,
    };
    Some(if result.is_finite() {
        format!("{left} {operator} {right} = {result}")
    } else {
        "That has no answer.".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::Message;

    fn ask(message: &str, max_tokens: Option<u32>) -> (String, Completion) {
        let messages = vec![Message {
            role: Role::User,
            content: message.to_owned(),
        }];
        let (pieces, end) = answer(&ChatRequest {
            model: "demo".into(),
            messages,
            temperature: None,
            max_tokens,
        });
        assert!(pieces.iter().all(|piece| !piece.is_empty()));
        (pieces.concat(), end)
    }

    #[test]
    fn it_says_what_it_is_and_answers_to_the_message() {
        for message in ["Hello there", "help", "6 * 7", ""] {
            assert!(ask(message, None).0.starts_with("[demo]"), "{message}");
        }
        assert!(
            ask("Hello there", None)
                .0
                .contains("2 words: “Hello there”")
        );
        assert!(ask("help me", None).0.contains("openai_api_key"));
    }

    #[test]
    fn it_calculates() {
        assert!(ask("What is 6 * 7?", None).0.contains("6 * 7 = 42 "));
        assert!(ask("-2 - 3", None).0.contains("-2 - 3 = -5 "));
        assert!(ask("1/0", None).0.contains("no answer"));
        assert!(!ask("well-known", None).0.contains('='));
    }

    #[test]
    fn it_keeps_to_the_bound() {
        let (text, end) = ask("Hello", Some(3));
        assert_eq!(text.split_whitespace().count(), 3);
        assert_eq!(
            (end.stop_reason, end.usage.completion_tokens),
            (StopReason::Length, 3)
        );
    }
}
