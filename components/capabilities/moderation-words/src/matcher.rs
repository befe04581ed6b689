//! What begins at one place of a text of which more may come.
//!
//! Two automata read it. The one decides: `exact`, all of the rules as they are. The other, `reach`,
//! is there to know when `exact` need not wait for more of the text: it takes all that the rules
//! would take if they did not look around them (`\b`, `^`, `$`), which makes it a deterministic
//! automaton that dies where no rule can go on. So what is found never depends on how the text
//! was cut into pieces.

use std::sync::{Mutex, PoisonError};

use regex_automata::{
    Anchored, Input, MatchKind,
    hybrid::dfa::{Cache, DFA},
    nfa::thompson::{
        self, WhichCaptures,
        pikevm::{self, PikeVM},
    },
    util::start,
};
use regex_syntax::hir::{Capture, Hir, HirKind, Repetition};

/// Longest match, in bytes, and so the most that is held back of a text. What would go on longer is
/// found as far as it is a match by then.
pub(crate) const MAX_MATCH: usize = 256;

/// What the automata may take in memory, in bytes each.
const MAX_AUTOMATON: usize = 4 * 1024 * 1024;
/// What the states of `reach` that are kept may take, in bytes.
const MAX_STATES: usize = 2 * 1024 * 1024;

const TOO_MUCH: &str = "the words and patterns are too much together";

/// Looks for rules in texts.
#[derive(Debug)]
pub(crate) struct Matcher {
    exact: PikeVM,
    reach: DFA,
    /// The bytes that something can begin with.
    begins: [bool; 256],
    /// Held for a call only.
    memory: Mutex<Memory>,
}

/// Room for the automata's states; it keeps none of the text.
#[derive(Debug)]
pub(crate) struct Memory {
    exact: pikevm::Cache,
    reach: Cache,
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
    pub(crate) fn new(rules: &[Hir]) -> Result<Self, String> {
        let exact = pikevm::Builder::new()
            .build_from_nfa(automaton(rules)?)
            .map_err(|_| TOO_MUCH.to_owned())?;
        let blind: Vec<_> = rules
            .iter()
            .map(|rule| without_looks(rule.clone()))
            .collect();
        let config = DFA::config()
            .match_kind(MatchKind::All)
            .cache_capacity(MAX_STATES)
            .skip_cache_capacity_check(true);
        let reach = DFA::builder()
            .configure(config)
            .build_from_nfa(automaton(&blind)?)
            .map_err(|_| TOO_MUCH.to_owned())?;
        let mut memory = Memory {
            exact: exact.create_cache(),
            reach: reach.create_cache(),
        };
        let mut begins = [false; 256];
        for (begins, byte) in begins.iter_mut().zip(0..=u8::MAX) {
            *begins = !matches!(walk(&reach, &mut memory.reach, &[byte]), Walk::Dead { .. });
        }
        Ok(Self {
            exact,
            reach,
            begins,
            memory: Mutex::new(memory),
        })
    }

    /// Does something with the matcher's memory. Calls are not to be nested.
    pub(crate) fn with_memory<T>(&self, work: impl FnOnce(&mut Memory) -> T) -> T {
        let memory = self.memory.lock();
        work(&mut memory.unwrap_or_else(PoisonError::into_inner))
    }

    /// What begins at byte `at` of `text`, which is all there is if `is_whole`. What is before `at`
    /// is looked back at.
    pub(crate) fn find(&self, text: &str, at: usize, is_whole: bool, memory: &mut Memory) -> Found {
        let end = text.len().min(at.saturating_add(MAX_MATCH));
        let window = text.as_bytes().get(at..end).unwrap_or_default();
        let can_begin = window
            .first()
            .and_then(|first| self.begins.get(usize::from(*first)));
        if can_begin != Some(&true) {
            return Found::Nothing;
        }
        match walk(&self.reach, &mut memory.reach, window) {
            Walk::Dead { had_match: false } => return Found::Nothing,
            Walk::Dead { had_match: true } => {}
            // A rule that ends with the window looks at the character behind it.
            Walk::Alive if !is_whole && end == text.len() => return Found::Undecided,
            Walk::Alive => {}
        }
        let input = Input::new(text).span(at..end).anchored(Anchored::Yes);
        match self.exact.find(&mut memory.exact, input) {
            None => Found::Nothing,
            Some(found) => Found::Rule {
                number: found.pattern().as_usize(),
                end: found.end(),
            },
        }
    }
}

/// How `reach` fares with some bytes.
enum Walk {
    /// Nothing that begins with them is a match but what was one by then.
    Dead {
        had_match: bool,
    },
    Alive,
}

fn walk(reach: &DFA, cache: &mut Cache, bytes: &[u8]) -> Walk {
    let from = start::Config::new().anchored(Anchored::Yes);
    let Ok(mut state) = reach.start_state(cache, &from) else {
        return Walk::Alive;
    };
    let mut had_match = false;
    for byte in bytes {
        // A failure means that there is no room for its states: `exact` has to see.
        let Ok(next) = reach.next_state(cache, state, *byte) else {
            return Walk::Alive;
        };
        if next.is_dead() {
            return Walk::Dead { had_match };
        }
        // It tells of a match one byte late, and lives until then.
        had_match |= next.is_match();
        state = next;
    }
    Walk::Alive
}

fn automaton(rules: &[Hir]) -> Result<thompson::NFA, String> {
    let config = thompson::Config::new()
        .nfa_size_limit(Some(MAX_AUTOMATON))
        .which_captures(WhichCaptures::Implicit);
    thompson::Compiler::new()
        .configure(config)
        .build_many_from_hir(rules)
        .map_err(|_| TOO_MUCH.to_owned())
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
