//! Going through a text as it comes.

use regex_automata::hybrid::dfa::Cache;

use crate::{
    matcher::Found,
    rules::{Action, Rules},
};

/// What stands in the place of what was found.
const REDACTED: &str = "[redacted]";

/// A text that is looked through as it comes.
#[derive(Debug)]
pub(crate) struct Filter<'r> {
    rules: &'r Rules,
    /// The last character that was dealt with, if any, and then what is held back.
    text: String,
    /// Where what is held back begins.
    from: usize,
    blocked: Option<&'static str>,
}

/// What may be shown, and whether that was all.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) text: String,
    pub(crate) blocked: Option<&'static str>,
}

impl<'r> Filter<'r> {
    pub(crate) fn new(rules: &'r Rules) -> Self {
        Self {
            rules,
            text: String::new(),
            from: 0,
            blocked: None,
        }
    }

    /// What of a text passes that is all there at once.
    pub(crate) fn of_whole(rules: &'r Rules, text: &str) -> Passed {
        let mut filter = Self::new(rules);
        filter.text.push_str(text);
        filter.rest()
    }

    /// Takes more of the text.
    pub(crate) fn next(&mut self, text: &str) -> Passed {
        self.text.push_str(text);
        self.go_through(false)
    }

    /// Takes note that there is no more.
    pub(crate) fn rest(&mut self) -> Passed {
        self.go_through(true)
    }

    fn go_through(&mut self, is_whole: bool) -> Passed {
        let rules = self.rules;
        let mut passed = String::new();
        if self.blocked.is_none() {
            rules
                .matcher
                .with_memory(|memory| self.pass_into(&mut passed, is_whole, memory));
        }
        Passed {
            text: passed,
            blocked: self.blocked,
        }
    }

    fn pass_into(&mut self, passed: &mut String, is_whole: bool, memory: &mut Cache) {
        let mut at = self.from;
        while let Some(next) = self.text.get(at..).and_then(|rest| rest.chars().next()) {
            match self.rules.matcher.find(&self.text, at, is_whole, memory) {
                Found::Nothing => {
                    passed.push(next);
                    at = at.saturating_add(next.len_utf8());
                }
                Found::Undecided => break,
                Found::Rule { number, end } => match self.rules.action {
                    Action::Redact => {
                        passed.push_str(REDACTED);
                        at = end;
                    }
                    Action::Block => {
                        self.blocked = Some(self.rules.reason(number));
                        self.text = String::new();
                        return;
                    }
                },
            }
        }
        self.keep_from(at);
    }

    /// Lets go of what was dealt with, but for the character that rules may look back at.
    fn keep_from(&mut self, at: usize) {
        let (done, held) = self.text.split_at_checked(at).unwrap_or_default();
        let last = done.chars().next_back();
        self.from = last.map_or(0, char::len_utf8);
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

    fn whole(rules: &Rules, text: &str) -> Passed {
        Filter::of_whole(rules, text)
    }

    fn in_pieces(rules: &Rules, pieces: &[&str]) -> Passed {
        let mut filter = Filter::new(rules);
        let mut all = Passed::default();
        let passed: Vec<_> = pieces.iter().map(|piece| filter.next(piece)).collect();
        for passed in passed.into_iter().chain([filter.rest()]) {
            assert!(all.blocked.is_none() || passed.text.is_empty());
            all.text.push_str(&passed.text);
            all.blocked = passed.blocked;
        }
        all
    }

    fn redacted(rules: &Rules, text: &str) -> String {
        let passed = whole(rules, text);
        assert_eq!(passed.blocked, None);
        passed.text
    }

    #[test]
    fn whole_words_in_any_case_are_found() {
        let rules = rules(&["Grün", "c++", "bad fish", "né"], &[], Action::Redact);
        for (text, expected) in [
            ("grün GRÜN gru\u{308}n", "[redacted] [redacted] [redacted]"),
            ("grünlich, begrün, _grün", "grünlich, begrün, _grün"),
            ("(grün)!", "([redacted])!"),
            ("C++, c++x", "[redacted], c++x"),
            ("a Bad \n FISH.", "a [redacted]."),
            ("bad", "bad"),
            // What is one word with an accent that is a character of its own.
            ("ne\u{301} ne", "[redacted] ne"),
            ("grün\u{301}", "grün\u{301}"),
        ] {
            assert_eq!(redacted(&rules, text), expected);
        }
    }

    #[test]
    fn the_longest_of_the_words_that_begin_alike_is_redacted() {
        let rules = rules(&["foo", "foo bar"], &[], Action::Redact);
        assert_eq!(redacted(&rules, "foo bar foo"), "[redacted] [redacted]");
    }

    #[test]
    fn patterns_look_around_themselves_whatever_was_let_go() {
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
            assert_eq!(in_pieces(&rules, &pieces).text, expected);
        }
    }

    #[test]
    fn a_block_lets_pass_what_is_before_it_and_says_what_was_met() {
        let rules = rules(&["foo"], &[r"\d{4}"], Action::Block);
        let met = |text: &str, reason| Passed {
            text: text.to_owned(),
            blocked: Some(reason),
        };
        assert_eq!(whole(&rules, "one foo two"), met("one ", "word-list"));
        assert_eq!(
            in_pieces(&rules, &["a 12", "345", "6"]),
            met("a ", "pattern")
        );
        assert_eq!(whole(&rules, "food 123").blocked, None);
    }

    #[test]
    fn only_what_may_become_a_match_is_held_back() {
        let rules = rules(&["foo"], &[], Action::Redact);
        let mut filter = Filter::new(&rules);
        assert_eq!(filter.next("one f").text, "one ");
        assert_eq!(filter.next("o").text, "");
        assert_eq!(filter.next("r f").text, "for ");
        assert_eq!(filter.next("oo").text, "");
        assert_eq!(filter.next(". A").text, "[redacted]. A");
        assert_eq!(filter.next("f").text, "");
        assert_eq!(filter.rest().text, "f");
    }

    #[test]
    fn what_is_held_back_is_bounded() {
        let rules = rules(&[], &["a.*b"], Action::Redact);
        let mut filter = Filter::new(&rules);
        let mut passed = filter.next(&"a".repeat(1_000)).text.len();
        assert_eq!(passed, 1_000 - MAX_MATCH);
        passed += filter.next("bb").text.len();
        assert!(passed < 1_000 && filter.text.len() <= MAX_MATCH + 4);
    }

    /// Texts in which something is found now and then.
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
        fn any_split_finds_the_same(
            text in text(),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
            redact: bool,
        ) {
            let action = if redact { Action::Redact } else { Action::Block };
            let rules = rules(&["grün", "bad fish", "foo"], &PATTERNS, action);
            prop_assert_eq!(in_pieces(&rules, &cut(&text, &cuts)), whole(&rules, &text));
        }

        /// Where nothing is too long, it is what an engine finds that has all of the text.
        #[test]
        fn it_is_what_regular_expressions_find(text in "[ab0@. ]{0,40}") {
            let rules = rules(&[], &PATTERNS, Action::Redact);
            let engine = PikeVM::new_many(&PATTERNS).unwrap();
            let mut cache = engine.create_cache();
            let mut expected = String::new();
            let mut from = 0;
            for found in engine.find_iter(&mut cache, &text) {
                expected.push_str(text.get(from..found.start()).unwrap());
                expected.push_str(REDACTED);
                from = found.end();
            }
            expected.push_str(text.get(from..).unwrap());
            prop_assert_eq!(redacted(&rules, &text), expected);
        }
    }
}
