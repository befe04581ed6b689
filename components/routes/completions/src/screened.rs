//! What moderation does to a completion: to what the client gives the model, and to what the model
//! answers.

use contracts::llm::types::{
    ChatRequest, Completion, Delta, FinishReason, Part, ResolvedModel, Role, Usage,
};
use futures::future::try_join;
use http_edge::ApiError;
use screening::{Screen, Shown};

use crate::{answer::Answer, errors, reply::size};

/// Checks all texts of a request that are not the model's own words, and changes them where they
/// are to be redacted. What a model said before is let be: it has passed, or was not to be looked
/// at, and the conversation is to go on.
pub(crate) async fn check(request: &mut ChatRequest) -> Result<(), ApiError> {
    let mut texts = Vec::new();
    for (index, message) in request.messages.iter_mut().enumerate() {
        if message.role == Role::Assistant {
            continue;
        }
        for part in &mut message.content {
            if let Part::Text(text) = part {
                texts.push((format!("messages[{index}].content"), text));
            }
        }
    }
    screening::check(texts).await
}

/// What an answer has to pass: each kind of its texts is one that goes on by itself.
pub(crate) struct Screens {
    text: Screen,
    /// None where replies are not looked at.
    others: Option<Others>,
}

struct Others {
    reasoning: Screen,
    refusal: Screen,
}

/// What of an answer may be shown.
struct Passed {
    pieces: Vec<Delta>,
    blocked: Option<ApiError>,
}

impl Screens {
    /// Screens for one answer.
    pub(crate) async fn open() -> Result<Self, ApiError> {
        let text = Screen::open().await?;
        let others = if text.looks() {
            let (reasoning, refusal) = try_join(Screen::open(), Screen::open()).await?;
            Some(Others { reasoning, refusal })
        } else {
            None
        };
        Ok(Self { text, others })
    }

    /// What of the next pieces, and of those held back before, may be shown now. Tool calls are
    /// for programs, and pass.
    fn pass(&self, pieces: Vec<Delta>) -> Passed {
        let Some(others) = &self.others else {
            let blocked = None;
            return Passed { pieces, blocked };
        };
        let mut passed = Passed {
            pieces: Vec::with_capacity(pieces.len()),
            blocked: None,
        };
        for piece in pieces {
            match piece {
                Delta::Text(text) => passed.take(Delta::Text, self.text.pass(vec![text])),
                Delta::Reasoning(text) => {
                    passed.take(Delta::Reasoning, others.reasoning.pass(vec![text]));
                }
                Delta::Refusal(text) => {
                    passed.take(Delta::Refusal, others.refusal.pass(vec![text]));
                }
                Delta::ResolvedModel(_) | Delta::ToolCall(_) => passed.pieces.push(piece),
            }
            if passed.blocked.is_some() {
                break;
            }
        }
        passed
    }

    /// What was held back, at the end of the answer.
    fn rest(&self) -> Passed {
        let mut passed = Passed {
            pieces: Vec::new(),
            blocked: None,
        };
        if let Some(others) = &self.others {
            passed.take(Delta::Reasoning, others.reasoning.rest());
            passed.take(Delta::Text, self.text.rest());
            passed.take(Delta::Refusal, others.refusal.rest());
        }
        passed
    }
}

impl Passed {
    fn take(&mut self, kind: fn(String) -> Delta, shown: Shown) {
        self.pieces.extend(shown.pieces.into_iter().map(kind));
        self.blocked = self.blocked.take().or(shown.blocked);
    }
}

/// A model's answer as it may be shown. Dropping it before the end cancels the answer.
pub(crate) struct Screened {
    /// None once the answer was blocked, which cancels it.
    answer: Option<Answer>,
    screens: Screens,
    /// What was held back has been asked for.
    is_over: bool,
    blocked: Option<ApiError>,
    heard: Heard,
}

/// What is known of an answer, shown or not.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    /// As soon as there is a first piece.
    pub(crate) served: Option<ResolvedModel>,
    /// What the model has said so far, in bytes.
    pub(crate) said: usize,
}

impl Heard {
    fn take(&mut self, piece: &Delta) {
        if let Delta::ResolvedModel(served) = piece {
            self.served = Some(served.clone());
        }
        self.said = self.said.saturating_add(size(piece));
    }
}

/// How an answer ended.
pub(crate) enum Ending {
    Complete(Completion),
    Blocked(ApiError),
    Broken(ApiError),
}

/// The end of an answer that was blocked, in OpenAI's words.
pub(crate) fn filtered(usage: Usage) -> Completion {
    Completion {
        finish_reason: FinishReason::ContentFilter,
        usage,
    }
}

impl Screened {
    pub(crate) fn new(answer: Answer, screens: Screens) -> Self {
        Self {
            answer: Some(answer),
            screens,
            is_over: false,
            blocked: None,
            heard: Heard::default(),
        }
    }

    /// The next pieces, at least one; none after the last. A call that is dropped loses nothing.
    pub(crate) async fn next(&mut self) -> Option<Vec<Delta>> {
        while let Some(answer) = &mut self.answer {
            let passed = match answer.next().await {
                Some(pieces) => {
                    pieces.iter().for_each(|piece| self.heard.take(piece));
                    self.screens.pass(pieces)
                }
                None if self.is_over => return None,
                None => {
                    self.is_over = true;
                    self.screens.rest()
                }
            };
            if passed.blocked.is_some() {
                self.answer = None;
                self.blocked = passed.blocked;
            }
            if !passed.pieces.is_empty() {
                return Some(passed.pieces);
            }
        }
        None
    }

    pub(crate) fn heard(&self) -> &Heard {
        &self.heard
    }

    /// How the answer ended; to be asked after the last piece.
    pub(crate) async fn end(self) -> Ending {
        match (self.answer, self.blocked) {
            (Some(answer), None) => match answer.end().await {
                Ok(completion) => Ending::Complete(completion),
                Err(error) => Ending::Broken(errors::llm(error)),
            },
            (_, Some(blocked)) => Ending::Blocked(blocked),
            (None, None) => Ending::Broken(ApiError::internal("an answer without an end")),
        }
    }
}
