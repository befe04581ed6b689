//! Applies the rules to a text that arrives in parts.

use regex_automata::hybrid::dfa::Cache;

use crate::{
    matcher::Match,
    rules::{Action, Rules},
};

/// Replaces a match.
const REDACTED: &str = "[redacted]";

/// The state of one streamed text.
#[derive(Debug)]
pub(crate) struct Filter<'r> {
    rules: &'r Rules,
    /// The last character that was returned (patterns may look behind), then the text that is held
    /// back.
    text: String,
    /// Byte offset in `text` where the text that is held back starts.
    held_from: usize,
    blocked: Option<&'static str>,
}

/// The text that may be shown, and the reason if the text was blocked after it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Filtered {
    pub(crate) text: String,
    pub(crate) blocked: Option<&'static str>,
}

impl<'r> Filter<'r> {
    pub(crate) fn new(rules: &'r Rules) -> Self {
        Self {
            rules,
            text: String::new(),
            held_from: 0,
            blocked: None,
        }
    }

    /// Filters a complete text.
    pub(crate) fn whole_text(rules: &'r Rules, text: &str) -> Filtered {
        let mut filter = Self::new(rules);
        filter.text.push_str(text);
        filter.finish()
    }

    /// Adds the next part of the text.
    pub(crate) fn push(&mut self, text: &str) -> Filtered {
        self.text.push_str(text);
        self.advance(false)
    }

    /// Ends the text and returns what was held back.
    pub(crate) fn finish(&mut self) -> Filtered {
        self.advance(true)
    }

    fn advance(&mut self, is_complete: bool) -> Filtered {
        let rules = self.rules;
        let mut allowed = String::new();
        if self.blocked.is_none() {
            rules
                .matcher
                .with_cache(|cache| self.apply_rules(&mut allowed, is_complete, cache));
        }
        Filtered {
            text: allowed,
            blocked: self.blocked,
        }
    }

    fn apply_rules(&mut self, allowed: &mut String, is_complete: bool, cache: &mut Cache) {
        let mut at = self.held_from;
        while let Some(next) = self.text.get(at..).and_then(|rest| rest.chars().next()) {
            match self.rules.matcher.find(&self.text, at, is_complete, cache) {
                Match::None => {
                    allowed.push(next);
                    at = at.saturating_add(next.len_utf8());
                }
                Match::NeedMoreText => break,
                Match::Rule { number, end } => match self.rules.action {
                    Action::Redact => {
                        allowed.push_str(REDACTED);
                        at = end;
                    }
                    Action::Block => {
                        self.blocked = Some(self.rules.block_reason(number));
                        self.text = String::new();
                        return;
                    }
                },
            }
        }
        self.drop_before(at);
    }

    /// Drops the text before `at`, except the last character, which patterns may look behind at.
    fn drop_before(&mut self, at: usize) {
        let (done, held) = self.text.split_at_checked(at).unwrap_or_default();
        let last = done.chars().next_back();
        self.held_from = last.map_or(0, char::len_utf8);
        self.text = last.into_iter().chain(held.chars()).collect();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex_automata::nfa::thompson::pikevm::PikeVM;

    use super::*;
    use crate::matcher::MAX_MATCH;

    fn rules(words: &[&str], patterns: &[&str], action: Action) -> Rules {
        let patterns: Vec<_> = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
        Rules::new(words, &patterns, action).unwrap().unwrap()
    }

    fn whole(rules: &Rules, text: &str) -> Filtered {
        Filter::whole_text(rules, text)
    }

    fn in_parts(rules: &Rules, pieces: &[&str]) -> Filtered {
        let mut filter = Filter::new(rules);
        let mut all = Filtered::default();
        let filtered: Vec<_> = pieces.iter().map(|piece| filter.push(piece)).collect();
        for filtered in filtered.into_iter().chain([filter.finish()]) {
            assert!(all.blocked.is_none() || filtered.text.is_empty());
            all.text.push_str(&filtered.text);
            all.blocked = filtered.blocked;
        }
        all
    }

    fn redacted(rules: &Rules, text: &str) -> String {
        let filtered = whole(rules, text);
        assert_eq!(filtered.blocked, None);
        filtered.text
    }

    #[test]
    fn whole_text_word_in_any_case_is_redacted() {
        let rules = rules(&["Grün", "c++", "bad fish", "né"], &[], Action::Redact);
        for (text, expected) in [
            ("grün GRÜN gru\u{308}n", "[redacted] [redacted] [redacted]"),
            ("grünlich, begrün, _grün", "grünlich, begrün, _grün"),
            ("(grün)!", "([redacted])!"),
            ("C++, c++x", "[redacted], c++x"),
            ("a Bad \n FISH.", "a [redacted]."),
            ("bad", "bad"),
            // The word with a combining accent.
            ("ne\u{301} ne", "[redacted] ne"),
            ("grün\u{301}", "grün\u{301}"),
        ] {
            assert_eq!(redacted(&rules, text), expected);
        }
    }

    #[test]
    fn whole_text_words_with_common_prefix_redacts_longest() {
        let rules = rules(&["foo", "foo bar"], &[], Action::Redact);
        assert_eq!(redacted(&rules, "foo bar foo"), "[redacted] [redacted]");
    }

    #[test]
    fn push_pattern_with_assertions_sees_text_returned_before() {
        let rules = rules(
            &[],
            &[r"\bfoo\b", "(?m)^#.", r"\Aab", r"yz\z"],
            Action::Redact,
        );
        for (text, expected) in [
            ("ü foo übfoo", "ü [redacted] übfoo"),
            ("#a\n#b#c", "[redacted]\n[redacted]#c"),
            ("ab ab", "[redacted] ab"),
            ("yz yz", "yz [redacted]"),
        ] {
            assert_eq!(redacted(&rules, text), expected);
            let pieces: Vec<_> = text.split_inclusive(|_| true).collect();
            assert_eq!(in_parts(&rules, &pieces).text, expected);
        }
    }

    #[test]
    fn push_blocked_match_returns_text_before_it_and_reason() {
        let rules = rules(&["foo"], &[r"\d{4}"], Action::Block);
        let blocked = |text: &str, reason| Filtered {
            text: text.to_owned(),
            blocked: Some(reason),
        };
        assert_eq!(whole(&rules, "one foo two"), blocked("one ", "word-list"));
        assert_eq!(
            in_parts(&rules, &["a 12", "345", "6"]),
            blocked("a ", "pattern")
        );
        assert_eq!(whole(&rules, "food 123").blocked, None);
    }

    #[test]
    fn push_possible_match_at_end_is_held_back() {
        let rules = rules(&["foo"], &[], Action::Redact);
        let mut filter = Filter::new(&rules);
        assert_eq!(filter.push("one f").text, "one ");
        assert_eq!(filter.push("o").text, "");
        assert_eq!(filter.push("r f").text, "for ");
        assert_eq!(filter.push("oo").text, "");
        assert_eq!(filter.push(". A").text, "[redacted]. A");
        assert_eq!(filter.push("f").text, "");
        assert_eq!(filter.finish().text, "f");
    }

    #[test]
    fn push_long_possible_match_holds_back_bounded_text() {
        let rules = rules(&[], &["a.*b"], Action::Redact);
        let mut filter = Filter::new(&rules);
        let mut returned = filter.push(&"a".repeat(1_000)).text.len();
        assert_eq!(returned, 1_000 - MAX_MATCH);
        returned += filter.push("bb").text.len();
        assert!(returned < 1_000 && filter.text.len() <= MAX_MATCH + 4);
    }

    /// Texts that contain matches and parts of matches.
    fn text() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            "[ab c]{0,3}",
            Just("foo".to_owned()),
            Just("Grün".to_owned()),
            Just("gru\u{308}n".to_owned()),
            Just("bad \t fish".to_owned()),
            "[0-9@.]{0,5}",
            "\\PC{0,2}",
            Just("x".repeat(300)),
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    fn cut<'t>(text: &'t str, cuts: &[prop::sample::Index]) -> Vec<&'t str> {
        let mut places: Vec<_> = text.char_indices().map(|(at, _)| at).collect();
        places.push(text.len());
        let mut cuts: Vec<_> = cuts.iter().map(|cut| *cut.get(&places)).collect();
        cuts.sort_unstable();
        let mut from = 0;
        let mut pieces = Vec::new();
        for cut in cuts.into_iter().chain([text.len()]) {
            pieces.push(text.get(from..cut).unwrap());
            from = cut;
        }
        pieces
    }

    const PATTERNS: [&str; 5] = [
        r"\b\d+@\d+\b",
        "a.*?b",
        "(?i)fo+|foob",
        "x+y?",
        r"(?m)^[ab]c|\.$",
    ];

    proptest! {
        #[test]
        fn push_any_split_matches_same_as_whole_text(
            text in text(),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
            redact: bool,
        ) {
            let action = if redact { Action::Redact } else { Action::Block };
            let rules = rules(&["grün", "bad fish", "foo"], &PATTERNS, action);
            prop_assert_eq!(in_parts(&rules, &cut(&text, &cuts)), whole(&rules, &text));
        }

        /// For matches below the length limit, the result equals that of a regular expression engine.
        #[test]
        fn whole_text_matches_same_as_regex_engine(text in "[ab0@. ]{0,40}") {
            let rules = rules(&[], &PATTERNS, Action::Redact);
            let engine = PikeVM::new_many(&PATTERNS).unwrap();
            let mut cache = engine.create_cache();
            let mut expected = String::new();
            let mut from = 0;
            for matched in engine.find_iter(&mut cache, &text) {
                expected.push_str(text.get(from..matched.start()).unwrap());
                expected.push_str(REDACTED);
                from = matched.end();
            }
            expected.push_str(text.get(from..).unwrap());
            prop_assert_eq!(redacted(&rules, &text), expected);
        }
    }
}
