//! Finds the match that starts at one position of a text that may continue.
//!
//! There are two kinds of automata. `prefilter` is one DFA for all rules without their assertions
//! (`\b`, `^`, `$`). It reaches a dead state where no rule can match any longer, so it shows which
//! rules may match and whether more text can change the result. Each rule's own automaton, with
//! assertions, then decides; it is compiled on first use. So the result does not depend on how the
//! text was split.

use std::{
    collections::BTreeSet,
    sync::{Mutex, OnceLock, PoisonError},
};

use regex_automata::{
    Anchored, Input, MatchKind,
    hybrid::{
        LazyStateID,
        dfa::{Cache, DFA},
    },
    nfa::thompson::{self, WhichCaptures, pikevm::PikeVM},
    util::start,
};
use regex_syntax::hir::{Capture, Hir, HirKind, Repetition};

/// Maximum length of a match in bytes, and of the text that is held back. A longer match is cut to
/// this length.
pub(crate) const MAX_MATCH: usize = 256;

/// Maximum size of an automaton in bytes.
const MAX_AUTOMATON: usize = 4 * 1024 * 1024;
/// Maximum size of the cached states of `prefilter` in bytes.
const MAX_STATES: usize = 2 * 1024 * 1024;

/// The compiled rules.
#[derive(Debug)]
pub(crate) struct Matcher {
    rules: Vec<Rule>,
    prefilter: DFA,
    /// Whether a match can start with the byte.
    first_bytes: [bool; 256],
    /// The cached states of `prefilter`. It contains no text and is locked during one call only.
    cache: Mutex<Cache>,
}

/// A rule, and its automaton after first use.
#[derive(Debug)]
struct Rule {
    rule: Hir,
    exact: OnceLock<Option<PikeVM>>,
}

/// The match at a position.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Match {
    /// No match starts here.
    None,
    /// The result depends on text that has not arrived.
    NeedMoreText,
    /// A match of rule `number` that ends at byte `end`.
    Rule { number: usize, end: usize },
}

impl Matcher {
    /// Compiles rules, none of which may match an empty text. Where several rules match at one
    /// position, the first one wins.
    ///
    /// # Errors
    /// A sentence for the log when the automaton exceeds its maximum size.
    pub(crate) fn new(rules: Vec<Hir>) -> Result<Self, String> {
        let without_assertions: Vec<_> = rules
            .iter()
            .map(|rule| without_assertions_of(rule.clone()))
            .collect();
        let config = DFA::config()
            .match_kind(MatchKind::All)
            .cache_capacity(MAX_STATES)
            .skip_cache_capacity_check(true);
        let prefilter = automaton(&without_assertions, WhichCaptures::None)
            .and_then(|automaton| {
                let mut builder = DFA::builder();
                builder.configure(config).build_from_nfa(automaton).ok()
            })
            .ok_or("the words and patterns together are too large")?;
        let mut cache = prefilter.create_cache();
        let mut first_bytes = [false; 256];
        for (can_start, byte) in first_bytes.iter_mut().zip(0..=u8::MAX) {
            *can_start = scan(&prefilter, &mut cache, &[byte]).can_continue;
        }
        let rules = rules.into_iter().map(|rule| Rule {
            rule,
            exact: OnceLock::new(),
        });
        Ok(Self {
            rules: rules.collect(),
            prefilter,
            first_bytes,
            cache: Mutex::new(cache),
        })
    }

    /// Calls `work` with the matcher's cache. A nested call would deadlock.
    pub(crate) fn with_cache<T>(&self, work: impl FnOnce(&mut Cache) -> T) -> T {
        let cache = self.cache.lock();
        work(&mut cache.unwrap_or_else(PoisonError::into_inner))
    }

    /// Finds the match that starts at byte `at` of `text`. `is_complete` says that no more text
    /// follows. Assertions look behind at the text before `at`.
    pub(crate) fn find(
        &self,
        text: &str,
        at: usize,
        is_complete: bool,
        cache: &mut Cache,
    ) -> Match {
        let end = text.len().min(at.saturating_add(MAX_MATCH));
        let window = text.as_bytes().get(at..end).unwrap_or_default();
        let can_start = window
            .first()
            .and_then(|first| self.first_bytes.get(usize::from(*first)));
        if can_start != Some(&true) {
            return Match::None;
        }
        let scan = scan(&self.prefilter, cache, window);
        // An assertion at the end of a rule looks at the character after the window.
        if scan.can_continue && !is_complete && end == text.len() {
            return Match::NeedMoreText;
        }
        let input = Input::new(text).span(at..end).anchored(Anchored::Yes);
        let mut matches = scan.candidates.into_iter().filter_map(|number| {
            let end = self.rules.get(number)?.end(&input)?;
            Some(Match::Rule { number, end })
        });
        matches.next().unwrap_or(Match::None)
    }
}

impl Rule {
    /// Returns the end of the rule's match.
    fn end(&self, input: &Input<'_>) -> Option<usize> {
        let exact = self.exact.get_or_init(|| {
            let automaton = automaton(std::slice::from_ref(&self.rule), WhichCaptures::Implicit)?;
            PikeVM::new_from_nfa(automaton).ok()
        });
        match exact {
            Some(exact) => {
                let matched = exact.find(&mut exact.create_cache(), input.clone());
                matched.map(|matched| matched.end())
            }
            // The rule is part of `prefilter`, which was compiled within the size limit, so this is
            // not expected. Treating it as a match allows no text unchecked.
            None => Some(input.end()),
        }
    }
}

/// The result of `prefilter` for some bytes.
struct Scan {
    /// The rules that match a prefix of the bytes when their assertions are ignored.
    candidates: BTreeSet<usize>,
    /// Whether more bytes can change the result.
    can_continue: bool,
}

fn scan(prefilter: &DFA, cache: &mut Cache, bytes: &[u8]) -> Scan {
    let mut scan = Scan {
        candidates: BTreeSet::new(),
        can_continue: true,
    };
    let finished = run(prefilter, cache, bytes, &mut scan);
    if finished.is_none() {
        // The cache is full: every rule must be tried.
        scan.candidates = (0..prefilter.pattern_len()).collect();
    }
    scan
}

fn run(prefilter: &DFA, cache: &mut Cache, bytes: &[u8], scan: &mut Scan) -> Option<()> {
    let from = start::Config::new().anchored(Anchored::Yes);
    let mut state = prefilter.start_state(cache, &from).ok()?;
    // A match is reported one byte late, so the state is not dead before that.
    for byte in bytes {
        state = prefilter.next_state(cache, state, *byte).ok()?;
        if state.is_dead() {
            scan.can_continue = false;
            return Some(());
        }
        add_candidates(prefilter, cache, state, scan);
    }
    let last = prefilter.next_eoi_state(cache, state).ok()?;
    add_candidates(prefilter, cache, last, scan);
    Some(())
}

fn add_candidates(prefilter: &DFA, cache: &Cache, state: LazyStateID, scan: &mut Scan) {
    if state.is_match() {
        let rules = 0..prefilter.match_len(cache, state);
        scan.candidates
            .extend(rules.map(|rule| prefilter.match_pattern(cache, state, rule).as_usize()));
    }
}

fn automaton(rules: &[Hir], captures: WhichCaptures) -> Option<thompson::NFA> {
    let config = thompson::Config::new()
        .nfa_size_limit(Some(MAX_AUTOMATON))
        .which_captures(captures);
    let mut compiler = thompson::Compiler::new();
    compiler.configure(config).build_many_from_hir(rules).ok()
}

/// Removes the assertions of a rule. The parser limits the recursion depth.
fn without_assertions_of(rule: Hir) -> Hir {
    match rule.into_kind() {
        HirKind::Look(_) | HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) => Hir::literal(literal.0),
        HirKind::Class(class) => Hir::class(class),
        HirKind::Repetition(repetition) => {
            let sub = Box::new(without_assertions_of(*repetition.sub));
            Hir::repetition(Repetition { sub, ..repetition })
        }
        HirKind::Capture(capture) => {
            let sub = Box::new(without_assertions_of(*capture.sub));
            Hir::capture(Capture { sub, ..capture })
        }
        HirKind::Concat(parts) => {
            Hir::concat(parts.into_iter().map(without_assertions_of).collect())
        }
        HirKind::Alternation(parts) => {
            Hir::alternation(parts.into_iter().map(without_assertions_of).collect())
        }
    }
}
