//! What begins at one place of a text of which more may come.
//!
//! Two kinds of automata read it. The one decides: each rule as it is, which is only built when
//! it is needed. The other, `reach`, is there to know which rules are, and when they need not wait
//! for more of the text: it takes all that the rules would take if they did not look around them
//! (`\b`, `^`, `$`), which makes it a deterministic automaton that dies where no rule can go on. So
//! what is found never depends on how the text was cut into pieces.

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

/// Longest match, in bytes, and so the most that is held back of a text. What would go on longer is
/// found as far as it is a match by then.
pub(crate) const MAX_MATCH: usize = 256;

/// What an automaton may take in memory, in bytes.
const MAX_AUTOMATON: usize = 4 * 1024 * 1024;
/// What the states of `reach` that are kept may take, in bytes.
const MAX_STATES: usize = 2 * 1024 * 1024;

/// Looks for rules in texts.
#[derive(Debug)]
pub(crate) struct Matcher {
    rules: Vec<Rule>,
    reach: DFA,
    /// The bytes that something can begin with.
    begins: [bool; 256],
    /// Room for the states of `reach`; it keeps none of the text, and is held for a call only.
    memory: Mutex<Cache>,
}

/// One rule, and its automaton once it was needed.
#[derive(Debug)]
struct Rule {
    rule: Hir,
    exact: OnceLock<Option<PikeVM>>,
}

/// What there is at a place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing begins here.
    Nothing,
    /// What comes next decides.
    Undecided,
    /// This rule, up to `end`.
    Rule { number: usize, end: usize },
}

impl Matcher {
    /// A matcher of rules, the first ones first where several begin at one place; none of them may
    /// match an empty text.
    ///
    /// # Errors
    /// A sentence for the log when they are too much.
    pub(crate) fn new(rules: Vec<Hir>) -> Result<Self, String> {
        let blind: Vec<_> = rules
            .iter()
            .map(|rule| without_looks(rule.clone()))
            .collect();
        let config = DFA::config()
            .match_kind(MatchKind::All)
            .cache_capacity(MAX_STATES)
            .skip_cache_capacity_check(true);
        let reach = automaton(&blind, WhichCaptures::None)
            .and_then(|automaton| {
                let mut builder = DFA::builder();
                builder.configure(config).build_from_nfa(automaton).ok()
            })
            .ok_or("the words and patterns are too much together")?;
        let mut memory = reach.create_cache();
        let mut begins = [false; 256];
        for (begins, byte) in begins.iter_mut().zip(0..=u8::MAX) {
            *begins = walk(&reach, &mut memory, &[byte]).can_go_on;
        }
        let rules = rules.into_iter().map(|rule| Rule {
            rule,
            exact: OnceLock::new(),
        });
        Ok(Self {
            rules: rules.collect(),
            reach,
            begins,
            memory: Mutex::new(memory),
        })
    }

    /// Does something with the matcher's memory. Calls are not to be nested.
    pub(crate) fn with_memory<T>(&self, work: impl FnOnce(&mut Cache) -> T) -> T {
        let memory = self.memory.lock();
        work(&mut memory.unwrap_or_else(PoisonError::into_inner))
    }

    /// What begins at byte `at` of `text`, which is all there is if `is_whole`. What is before `at`
    /// is looked back at.
    pub(crate) fn find(&self, text: &str, at: usize, is_whole: bool, memory: &mut Cache) -> Found {
        let end = text.len().min(at.saturating_add(MAX_MATCH));
        let window = text.as_bytes().get(at..end).unwrap_or_default();
        let can_begin = window
            .first()
            .and_then(|first| self.begins.get(usize::from(*first)));
        if can_begin != Some(&true) {
            return Found::Nothing;
        }
        let walk = walk(&self.reach, memory, window);
        // A rule that ends with the window looks at the character behind it.
        if walk.can_go_on && !is_whole && end == text.len() {
            return Found::Undecided;
        }
        let input = Input::new(text).span(at..end).anchored(Anchored::Yes);
        let mut met = walk.met.into_iter().filter_map(|number| {
            let end = self.rules.get(number)?.end(&input)?;
            Some(Found::Rule { number, end })
        });
        met.next().unwrap_or(Found::Nothing)
    }
}

impl Rule {
    /// Where a match ends.
    fn end(&self, input: &Input<'_>) -> Option<usize> {
        let exact = self.exact.get_or_init(|| {
            let automaton = automaton(std::slice::from_ref(&self.rule), WhichCaptures::Implicit)?;
            PikeVM::new_from_nfa(automaton).ok()
        });
        match exact {
            Some(exact) => {
                let found = exact.find(&mut exact.create_cache(), input.clone());
                found.map(|found| found.end())
            }
            // It is no larger than its part of `reach`, which there is; if this should be wrong,
            // nothing may pass.
            None => Some(input.end()),
        }
    }
}

/// How `reach` fares with some bytes.
struct Walk {
    /// The rules that match the first of the bytes, or would if they did not look around.
    met: BTreeSet<usize>,
    /// Whether more bytes can matter.
    can_go_on: bool,
}

fn walk(reach: &DFA, cache: &mut Cache, bytes: &[u8]) -> Walk {
    let mut walk = Walk {
        met: BTreeSet::new(),
        can_go_on: true,
    };
    let steps = steps(reach, cache, bytes, &mut walk);
    if steps.is_none() {
        // There is no room for its states: each of the rules has to see.
        walk.met = (0..reach.pattern_len()).collect();
    }
    walk
}

fn steps(reach: &DFA, cache: &mut Cache, bytes: &[u8], walk: &mut Walk) -> Option<()> {
    let from = start::Config::new().anchored(Anchored::Yes);
    let mut state = reach.start_state(cache, &from).ok()?;
    // It tells of a match one byte late, and lives until then.
    for byte in bytes {
        state = reach.next_state(cache, state, *byte).ok()?;
        if state.is_dead() {
            walk.can_go_on = false;
            return Some(());
        }
        note_met(reach, cache, state, walk);
    }
    let last = reach.next_eoi_state(cache, state).ok()?;
    note_met(reach, cache, last, walk);
    Some(())
}

fn note_met(reach: &DFA, cache: &Cache, state: LazyStateID, walk: &mut Walk) {
    if state.is_match() {
        let rules = 0..reach.match_len(cache, state);
        walk.met
            .extend(rules.map(|rule| reach.match_pattern(cache, state, rule).as_usize()));
    }
}

fn automaton(rules: &[Hir], captures: WhichCaptures) -> Option<thompson::NFA> {
    let config = thompson::Config::new()
        .nfa_size_limit(Some(MAX_AUTOMATON))
        .which_captures(captures);
    let mut compiler = thompson::Compiler::new();
    compiler.configure(config).build_many_from_hir(rules).ok()
}

/// The rule as it would be if it did not look around itself. The parser bounds how deep it is.
fn without_looks(rule: Hir) -> Hir {
    match rule.into_kind() {
        HirKind::Look(_) | HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) => Hir::literal(literal.0),
        HirKind::Class(class) => Hir::class(class),
        HirKind::Repetition(repetition) => {
            let sub = Box::new(without_looks(*repetition.sub));
            Hir::repetition(Repetition { sub, ..repetition })
        }
        HirKind::Capture(capture) => {
            let sub = Box::new(without_looks(*capture.sub));
            Hir::capture(Capture { sub, ..capture })
        }
        HirKind::Concat(parts) => Hir::concat(parts.into_iter().map(without_looks).collect()),
        HirKind::Alternation(parts) => {
            Hir::alternation(parts.into_iter().map(without_looks).collect())
        }
    }
}
