//! Compiles words and patterns into expressions.

use regex_syntax::{ParserBuilder, hir::Hir};
use unicode_normalization::UnicodeNormalization as _;

use crate::matcher::{MAX_MATCH, Matcher};

/// Maximum number of words and of patterns.
const MAX_WORDS: usize = 1_000;
const MAX_PATTERNS: usize = 64;
/// Maximum length of a pattern in bytes.
const MAX_PATTERN: usize = 1_000;
/// Maximum nesting depth of a pattern.
const MAX_DEPTH: u32 = 50;

/// How a match is handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Block,
    Redact,
}

/// The compiled rules and their action.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) matcher: Matcher,
    pub(crate) action: Action,
    /// Number of word rules. Pattern rules follow them.
    word_count: usize,
}

impl Rules {
    /// Compiles words and patterns. Returns none when both lists are empty.
    ///
    /// # Errors
    /// A sentence for the log that names the invalid item by its number and does not quote it.
    pub(crate) fn new(
        words: &[&str],
        patterns: &[String],
        action: Action,
    ) -> Result<Option<Self>, String> {
        if words.len() > MAX_WORDS || patterns.len() > MAX_PATTERNS {
            return Err(format!(
                "more than {MAX_WORDS} words or {MAX_PATTERNS} patterns"
            ));
        }
        // Longest first: of words with a common prefix, the longest must match.
        let mut words = words.to_vec();
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        let mut rules = Vec::new();
        for (number, word) in (1..).zip(&words) {
            let rule = word_rule(word).ok_or_else(|| {
                format!("word {number} by length is empty or longer than {MAX_MATCH} bytes")
            })?;
            rules.push(rule);
        }
        for (number, pattern) in (1..).zip(patterns) {
            rules.push(pattern_rule(pattern).map_err(|why| format!("pattern {number} {why}"))?);
        }
        if rules.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self {
            matcher: Matcher::new(rules)?,
            action,
            word_count: words.len(),
        }))
    }

    /// The block reason of rule `number`, a code for clients.
    pub(crate) fn block_reason(&self, number: usize) -> &'static str {
        if number < self.word_count {
            "word-list"
        } else {
            "pattern"
        }
    }
}

/// Matches whole words in any case, in composed or decomposed Unicode form, separated by any white
/// space.
fn word_rule(word: &str) -> Option<Hir> {
    let spellings = [word.nfc().collect::<String>(), word.nfd().collect()];
    if spellings.iter().any(|word| word.len() > MAX_MATCH) {
        return None;
    }
    let spellings = spellings.map(|word| {
        let parts: Vec<_> = word.split_whitespace().map(regex_syntax::escape).collect();
        parts.join(r"\s+")
    });
    if spellings.iter().any(String::is_empty) {
        return None;
    }
    // Half boundaries, because the text may start or end with a character that is not a letter.
    let rule = format!(r"\b{{start-half}}(?:{})\b{{end-half}}", spellings.join("|"));
    ParserBuilder::new()
        .case_insensitive(true)
        .build()
        .parse(&rule)
        .ok()
}

fn pattern_rule(pattern: &str) -> Result<Hir, &'static str> {
    if pattern.len() > MAX_PATTERN {
        return Err("is longer than 1000 bytes");
    }
    let rule = ParserBuilder::new()
        .nest_limit(MAX_DEPTH)
        .build()
        .parse(pattern)
        .map_err(|_| "is not a regular expression")?;
    match rule.properties().minimum_len() {
        Some(0) => Err("matches an empty text"),
        Some(least) if least > MAX_MATCH => Err("matches only text that is too long"),
        _ => Ok(rule),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(words: &[&str], patterns: &[&str]) -> String {
        let patterns: Vec<_> = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
        Rules::new(words, &patterns, Action::Block).unwrap_err()
    }

    #[test]
    fn new_no_words_and_patterns_returns_none() {
        assert!(Rules::new(&[], &[], Action::Block).unwrap().is_none());
    }

    #[test]
    fn new_invalid_rules_returns_error_without_quoting() {
        let long = "(secret)".repeat(200);
        let deep = format!("{}x{}", "(".repeat(60), ")".repeat(60));
        for pattern in [
            "(secret",
            "(?:secret)*",
            r"\b",
            "",
            "(?:secret){1000}",
            r"(?:\w{100}secret){100}",
            &deep,
            &long,
        ] {
            let why = refused(&[], &[pattern]);
            assert!(!why.contains("secret"), "{why}");
        }
        // Each pattern is valid, all of them together are too large.
        assert!(refused(&[], &[r"\w{100}x?"; 64]).contains("too large"));
        let why = refused(&[&"secret".repeat(50)], &[]);
        assert!(!why.contains("secret"), "{why}");
        assert!(!refused(&["a"; 1_001], &[]).is_empty());
        assert!(!refused(&["a", " "], &[]).is_empty());
    }

    #[test]
    fn new_maximum_number_of_words_is_accepted() {
        let words: Vec<_> = (0..MAX_WORDS).map(|n| format!("unerwünscht{n}")).collect();
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        assert!(Rules::new(&words, &[], Action::Block).unwrap().is_some());
    }
}
