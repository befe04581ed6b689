//! Sentences of providers without what must not be shown: credentials and what users wrote.
//!
//! Providers quote the request in their errors ("Invalid value: 'my text'") and parts of the key. A
//! sentence is kept as far as it consists of the provider's own words.

use crate::bindings::{ChatRequest, Part};
use std::collections::HashSet;

/// Longest sentence that is kept, in characters.
const MAX_LENGTH: usize = 300;

/// The replacement of removed text.
const REMOVED: &str = "…";

/// Words of this length or with digits are distinctive: one alone is removed if a user wrote it.
const DISTINCTIVE: usize = 12;

/// Longest single word; a longer one may be a key or an id.
const LONGEST_WORD: usize = 40;

/// Words in a row that are taken for a quotation if a user wrote them.
const QUOTED_WORDS: usize = 3;

/// The sentence without credentials and without what is in the request's messages.
pub(crate) fn redact(sentence: &str, request: &ChatRequest) -> String {
    let sentence: String = sentence.chars().take(4 * MAX_LENGTH).collect();
    let sentence = without_quotations(&sentence);
    let words: Vec<&str> = sentence.split_whitespace().collect();
    let keys: Vec<String> = words.iter().map(|word| alphanumeric(word)).collect();
    let written = Written::find(&keys, request);
    let mut out = String::new();
    for (index, word) in words.iter().enumerate() {
        let word = if written.removed.contains(&index) || is_secret(word) {
            REMOVED
        } else {
            word
        };
        if word == REMOVED && out.ends_with(REMOVED) {
            continue;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    if out.chars().count() > MAX_LENGTH {
        out = out.chars().take(MAX_LENGTH).collect();
        out.push_str(REMOVED);
    }
    out
}

/// A provider's type, code or parameter, if it is a short word and no sentence.
pub(crate) fn word(text: &str) -> Option<&str> {
    let is_word = (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.[]".contains(&byte));
    (is_word && !is_secret(text)).then_some(text)
}

/// Removes text in quotation marks, except a single identifier (`max_tokens`).
fn without_quotations(sentence: &str) -> String {
    let mut out = String::new();
    let mut rest = sentence;
    while let Some(at) = rest.find(['\'', '"', '`', '“', '‘', '«']) {
        let (before, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(before);
        let Some(opening) = from.chars().next() else {
            break;
        };
        let inner = from.strip_prefix(opening).unwrap_or_default();
        // An apostrophe within a word ("model's") opens nothing.
        let is_apostrophe = opening == '\'' && before.ends_with(char::is_alphanumeric);
        let closing = match opening {
            '“' => '”',
            '‘' => '’',
            '«' => '»',
            same => same,
        };
        match inner.rsplit_once(closing).filter(|_| !is_apostrophe) {
            None => {
                out.push(opening);
                rest = inner;
            }
            Some(_) => {
                let (quoted, after) = inner.split_once(closing).unwrap_or((inner, ""));
                out.push(opening);
                out.push_str(if is_identifier(quoted) {
                    quoted
                } else {
                    REMOVED
                });
                out.push(closing);
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// Whether a quoted text is the name of a parameter, a model or a role, by its characters.
fn is_identifier(text: &str) -> bool {
    const WORDS: [&str; 16] = [
        "temperature",
        "seed",
        "stop",
        "user",
        "system",
        "developer",
        "assistant",
        "tool",
        "tools",
        "messages",
        "model",
        "stream",
        "role",
        "content",
        "auto",
        "logprobs",
    ];
    let is_plain = (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.[]/@:".contains(&byte));
    let is_path = text.contains(['_', '.', '[', '/', '@']);
    is_plain && !is_secret(text) && (is_path || WORDS.contains(&text))
}

/// Whether a word looks like a key, a token, an email address or an id of an account.
fn is_secret(word: &str) -> bool {
    let has_digit = word.bytes().any(|byte| byte.is_ascii_digit());
    let has_letter = word.bytes().any(|byte| byte.is_ascii_alphabetic());
    let is_long_id = word.len() >= 20 && has_digit && has_letter && !word.contains('/');
    let starts = [
        "sk-", "sk_", "gf_", "key-", "org-", "proj_", "Bearer", "AIza", "eyJ",
    ];
    let bare = word.trim_start_matches(|c: char| !c.is_alphanumeric());
    starts.iter().any(|start| bare.starts_with(start))
        || word.contains("***")
        || word.contains('@') && word.contains('.') && !word.contains('/')
        || word.len() > LONGEST_WORD && !word.contains(['_', '/'])
        || is_long_id
}

/// The letters and digits of a word, in lower case.
fn alphanumeric(word: &str) -> String {
    word.chars()
        .filter(|character| character.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// The words of a sentence that a user wrote.
struct Written {
    removed: HashSet<usize>,
}

impl Written {
    fn find(sentence: &[String], request: &ChatRequest) -> Self {
        let mut removed = HashSet::new();
        for text in texts(request) {
            let words: Vec<String> = text.split_whitespace().map(alphanumeric).collect();
            let single: HashSet<&str> = words.iter().map(String::as_str).collect();
            let rows: HashSet<&[String]> = words.windows(QUOTED_WORDS).collect();
            for (index, word) in sentence.iter().enumerate() {
                let is_mixed = word.bytes().any(|byte| byte.is_ascii_digit())
                    && word.bytes().any(|byte| byte.is_ascii_alphabetic());
                let is_distinctive = word.len() >= DISTINCTIVE || is_mixed;
                if is_distinctive && single.contains(word.as_str()) {
                    removed.insert(index);
                }
            }
            for (index, row) in sentence.windows(QUOTED_WORDS).enumerate() {
                if rows.contains(row) {
                    removed.extend(index..index + QUOTED_WORDS);
                }
            }
            // A short message is quoted whole.
            if (1..QUOTED_WORDS).contains(&words.len()) {
                for (index, row) in sentence.windows(words.len()).enumerate() {
                    if row == words.as_slice() {
                        removed.extend(index..index + words.len());
                    }
                }
            }
        }
        Self { removed }
    }
}

/// All texts of the messages, and what the assistant wrote to its tools.
fn texts(request: &ChatRequest) -> impl Iterator<Item = &str> {
    request.messages.iter().flat_map(|message| {
        let parts = message.content.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.text.as_str()),
            Part::Reasoning(reasoning) => Some(reasoning.text.as_str()),
            Part::Other(json) => Some(json.as_str()),
            Part::Image(_) => None,
        });
        let calls = message
            .tool_calls
            .iter()
            .map(|call| call.arguments.as_str());
        parts.chain(calls)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::Role;
    use crate::request::testing::{message, request};
    use proptest::prelude::*;

    fn redacted(sentence: &str, text: &str) -> String {
        redact(sentence, &request(vec![message(Role::User, text)]))
    }

    #[test]
    fn redact_keeps_the_providers_own_words() {
        for sentence in [
            "Unsupported value: 'temperature' does not support 0.2 with this model.",
            "This model's maximum context length is 4096 tokens.",
            "max_tokens: 99999 > 8192, which is the maximum allowed number of output tokens for claude-3-5",
            "Invalid parameter: messages with role 'tool' must be a response to 'tool_calls'.",
        ] {
            assert_eq!(redacted(sentence, "Hello, how are you?"), sentence);
        }
    }

    #[test]
    fn redact_removes_keys_and_accounts() {
        let text = redacted(
            "Incorrect API key provided: sk-abc*****xyz. See ann@example.com in org-4Hn2kZ81.",
            "Hi",
        );
        assert_eq!(text, "Incorrect API key provided: … See … in …");
        assert_eq!(
            redacted("Token 0123456789abcdef0123456789abcdef is invalid", "Hi"),
            "Token … is invalid"
        );
    }

    #[test]
    fn redact_removes_what_users_wrote() {
        let text = "My password is Hunter2024 and my secret plan is simple";
        for sentence in [
            "Could not parse: my secret plan is simple",
            "Invalid value: 'My password is Hunter2024'",
            "The word Hunter2024 is bad",
        ] {
            let redacted = redacted(sentence, text).to_lowercase();
            assert!(!redacted.contains("hunter"), "{redacted}");
            assert!(!redacted.contains("secret"), "{redacted}");
        }
        assert_eq!(
            redacted("Bad input: confidential", "confidential"),
            "Bad input: …"
        );
    }

    #[test]
    fn word_takes_codes_only() {
        assert_eq!(word("rate_limit_exceeded"), Some("rate_limit_exceeded"));
        assert_eq!(word("messages[0].content"), Some("messages[0].content"));
        for none in ["", "the text you sent", "sk-123", "a@b.c"] {
            assert_eq!(word(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn redact_any_sentence_is_short_and_does_not_panic(sentence in "(?s).{0,500}", text in "(?s).{0,60}") {
            let redacted = redacted(&sentence, &text);
            prop_assert!(redacted.chars().count() <= MAX_LENGTH + 1);
        }
    }
}
