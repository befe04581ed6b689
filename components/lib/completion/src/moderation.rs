//! `goldfish:moderation` for what users write and for what models reply.

use std::cell::{Cell, RefCell};

use contracts::{
    llm::types::{Delta, ExtraLevel, ReasoningDelta, ReasoningField},
    moderation::filter::{self, FilteredText, ReplyFilter, Verdict},
};
use futures::future::try_join;
use http_edge::ApiError;

use crate::source::Keep;

/// Checks texts before they are stored or sent to a model. Each comes with its path in the request
/// (`message`); a text that is to be redacted is changed in place.
///
/// # Errors
/// `CONTENT_BLOCKED` for the first text that is blocked; an internal error if moderation fails.
pub async fn check_texts(texts: Vec<(String, &mut String)>) -> Result<(), ApiError> {
    let given = texts.iter().map(|(_, text)| (*text).clone()).collect();
    let verdicts = filter::check(given)
        .await
        .map_err(error_mapping::moderation)?;
    apply_verdicts(texts, verdicts)
}

/// Checks texts that are sent to a model beside the user's message. Returns them as moderation lets them pass, in
/// their order: none for one that is blocked.
///
/// # Errors
/// An internal error if moderation fails.
pub async fn filter_texts(texts: Vec<String>) -> Result<Vec<Option<String>>, ApiError> {
    let verdicts = filter::check(texts.clone())
        .await
        .map_err(error_mapping::moderation)?;
    if verdicts.len() != texts.len() {
        return Err(ApiError::internal("moderation: a text without a verdict"));
    }
    let passed = texts.into_iter().zip(verdicts);
    let passed = passed.map(|(text, verdict)| match verdict {
        Verdict::Allow => Some(text),
        Verdict::Replace(redacted) => Some(redacted),
        Verdict::Block(_) => None,
    });
    Ok(passed.collect())
}

fn apply_verdicts(
    texts: Vec<(String, &mut String)>,
    verdicts: Vec<Verdict>,
) -> Result<(), ApiError> {
    if verdicts.len() != texts.len() {
        return Err(ApiError::internal("moderation: a text without a verdict"));
    }
    for ((path, text), verdict) in texts.into_iter().zip(verdicts) {
        match verdict {
            Verdict::Allow => {}
            Verdict::Replace(redacted) => *text = redacted,
            Verdict::Block(reason) => return Err(error_mapping::blocked(path, &reason)),
        }
    }
    Ok(())
}

/// The filters that one reply passes before it is shown or stored: one for each kind of text, since
/// each kind continues by itself. A filter is none where replies are not moderated.
pub struct Moderation {
    text: Option<ReplyFilter>,
    reasoning: Option<ReplyFilter>,
    refusal: Option<ReplyFilter>,
    block: RefCell<ReasoningBlock>,
    /// The field of the last reasoning, for what was held back of it.
    reasoning_field: Cell<ReasoningField>,
}

impl Default for Moderation {
    /// Allows everything.
    fn default() -> Self {
        Self {
            text: None,
            reasoning: None,
            refusal: None,
            block: RefCell::default(),
            reasoning_field: Cell::new(ReasoningField::ReasoningContent),
        }
    }
}

/// A block of reasoning, as far as it has arrived.
#[derive(Default)]
struct ReasoningBlock {
    given: String,
    passed: String,
}

/// What moderation lets through.
#[derive(Default)]
pub(crate) struct Moderated {
    /// May be empty: text that may be part of a match is held back.
    pub(crate) deltas: Vec<Delta>,
    /// `CONTENT_BLOCKED` if the reply must end here.
    pub(crate) blocked: Option<ApiError>,
}

/// Kinds of text in a reply.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TextKind {
    Text,
    Reasoning(ReasoningField),
    Refusal,
}

impl Moderation {
    /// Opens the filters for one reply.
    ///
    /// # Errors
    /// An internal error if moderation fails.
    pub async fn open(keep: Keep) -> Result<Self, ApiError> {
        let text = open_filter().await?;
        if text.is_none() || keep == Keep::Text {
            return Ok(Self {
                text,
                ..Self::default()
            });
        }
        let (reasoning, refusal) = try_join(open_filter(), open_filter()).await?;
        Ok(Self {
            text,
            reasoning,
            refusal,
            ..Self::default()
        })
    }

    /// Whether replies are moderated.
    pub fn is_on(&self) -> bool {
        self.text.is_some()
    }

    /// Moderates the next deltas. Tool calls pass: programs read them. Where replies are moderated,
    /// extra fields of choices and messages do not pass, because they repeat text in forms that no
    /// filter reads, and neither does what proves a block of reasoning of which not all passed.
    pub(crate) fn pass(&self, deltas: Vec<Delta>) -> Moderated {
        if self.text.is_none() {
            return Moderated {
                deltas,
                blocked: None,
            };
        }
        let mut moderated = Moderated::default();
        let mut deltas = deltas.into_iter().peekable();
        while let Some(delta) = deltas.next() {
            let Some(kind) = TextKind::of(&delta) else {
                if self.passes(&delta) {
                    moderated.deltas.push(delta);
                }
                continue;
            };
            let mut texts = vec![text_of(delta)];
            while let Some(delta) = deltas.next_if(|next| TextKind::of(next) == Some(kind)) {
                texts.push(text_of(delta));
            }
            self.pass_texts(kind, texts, &mut moderated);
            if moderated.blocked.is_some() {
                break;
            }
        }
        moderated
    }

    /// A whole text as it may be shown; none if it is blocked.
    pub fn pass_text(&self, text: String) -> Option<String> {
        let passed = self.pass(vec![Delta::Text(text)]);
        let rest = self.finish();
        let is_allowed = passed.blocked.is_none() && rest.blocked.is_none();
        let deltas = passed.deltas.into_iter().chain(rest.deltas);
        is_allowed.then(|| deltas.map(text_of).collect())
    }

    /// What was held back, at the end of the reply.
    pub(crate) fn finish(&self) -> Moderated {
        let mut moderated = Moderated::default();
        let reasoning = TextKind::Reasoning(self.reasoning_field.get());
        for kind in [reasoning, TextKind::Text, TextKind::Refusal] {
            if let Some(filter) = self.filter(kind) {
                moderated.extend(kind, filter.finish(), "", Vec::new());
            }
        }
        moderated
    }

    fn pass_texts(&self, kind: TextKind, texts: Vec<String>, moderated: &mut Moderated) {
        match self.filter(kind) {
            Some(filter) => {
                let whole = texts.concat();
                let passed = filter.push(&whole);
                if let TextKind::Reasoning(field) = kind {
                    self.reasoning_field.set(field);
                    let mut block = self.block.borrow_mut();
                    block.given.push_str(&whole);
                    block.passed.push_str(&passed.text);
                }
                moderated.extend(kind, passed, &whole, texts);
            }
            None => moderated
                .deltas
                .extend(texts.into_iter().map(|text| kind.delta(text))),
        }
    }

    /// Whether a delta that is no text passes where replies are moderated.
    fn passes(&self, delta: &Delta) -> bool {
        match delta {
            Delta::Extra(extra) => extra.level == ExtraLevel::Chunk,
            // The client gets an event of the same text that has passed.
            Delta::Native(_) => false,
            Delta::ReasoningData(_) => {
                let block = self.block.take();
                block.given == block.passed
            }
            _ => true,
        }
    }

    fn filter(&self, kind: TextKind) -> Option<&ReplyFilter> {
        match kind {
            TextKind::Text => self.text.as_ref(),
            TextKind::Reasoning(_) => self.reasoning.as_ref(),
            TextKind::Refusal => self.refusal.as_ref(),
        }
    }
}

impl Moderated {
    /// Adds what passed of `texts`, which are `whole` together. Unchanged texts stay separate.
    fn extend(&mut self, kind: TextKind, passed: FilteredText, whole: &str, texts: Vec<String>) {
        if passed.text == whole {
            self.deltas
                .extend(texts.into_iter().map(|text| kind.delta(text)));
        } else if !passed.text.is_empty() {
            self.deltas.push(kind.delta(passed.text));
        }
        let blocked = passed
            .blocked
            .map(|reason| error_mapping::blocked("reply", &reason));
        self.blocked = self.blocked.take().or(blocked);
    }
}

impl TextKind {
    fn of(delta: &Delta) -> Option<Self> {
        match delta {
            Delta::Text(_) => Some(Self::Text),
            Delta::Reasoning(reasoning) => Some(Self::Reasoning(reasoning.field)),
            Delta::Refusal(_) => Some(Self::Refusal),
            _ => None,
        }
    }

    fn delta(self, text: String) -> Delta {
        match self {
            Self::Text => Delta::Text(text),
            Self::Reasoning(field) => Delta::Reasoning(ReasoningDelta { text, field }),
            Self::Refusal => Delta::Refusal(text),
        }
    }
}

/// The text of a delta that has a [`TextKind`].
fn text_of(delta: Delta) -> String {
    match delta {
        Delta::Text(text) | Delta::Refusal(text) => text,
        Delta::Reasoning(reasoning) => reasoning.text,
        _ => String::new(),
    }
}

async fn open_filter() -> Result<Option<ReplyFilter>, ApiError> {
    ReplyFilter::open().await.map_err(error_mapping::moderation)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed_of(passed: &str, texts: &[&str]) -> Vec<String> {
        let mut moderated = Moderated::default();
        let passed = FilteredText {
            text: passed.to_owned(),
            blocked: None,
        };
        let texts = texts
            .iter()
            .map(|text| (*text).to_owned())
            .collect::<Vec<_>>();
        moderated.extend(TextKind::Text, passed, &texts.concat(), texts);
        moderated.deltas.into_iter().map(text_of).collect()
    }

    #[test]
    fn extend_unchanged_texts_keeps_them_separate() {
        assert_eq!(passed_of("ab", &["a", "b"]), ["a", "b"]);
        assert_eq!(passed_of("xa", &["a", "b"]), ["xa"]);
        assert!(passed_of("", &["a", "b"]).is_empty());
    }

    #[test]
    fn apply_verdicts_replaces_in_place_and_names_the_first_blocked_text() {
        let apply = |verdicts| {
            let (mut one, mut two) = ("one".to_owned(), "two".to_owned());
            let texts = vec![
                ("message".to_owned(), &mut one),
                ("system".to_owned(), &mut two),
            ];
            apply_verdicts(texts, verdicts).map(|()| [one, two])
        };
        let replaced = apply(vec![Verdict::Replace("1".into()), Verdict::Allow]);
        assert_eq!(replaced.unwrap(), ["1", "two"]);
        let blocked = apply(vec![Verdict::Allow, Verdict::Block("word-list".into())]);
        let Err(ApiError::ContentBlocked(detail)) = blocked else {
            panic!("{blocked:?}")
        };
        assert_eq!(detail.path, "system");
        assert!(apply(vec![Verdict::Allow]).is_err());
    }
}
