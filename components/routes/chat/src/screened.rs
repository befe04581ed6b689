//! What moderation does to a chat: to what the user gives the model, and to what the model replies.

use contracts::{
    conversations::types::PreferenceValues,
    llm::types::{Completion, ResolvedModel},
};
use futures::future::join;
use http_edge::ApiError;
use screening::Screen;

use crate::source::Source;

/// Checks all that the model would be told in the user's words, and changes it where it is to be
/// redacted; answers what the reply has to pass. Nothing is stored yet, and nobody was asked.
pub(crate) async fn screen(
    message: &mut String,
    system: &mut Option<String>,
    preferences: &mut PreferenceValues,
) -> Result<Screen, ApiError> {
    let mut texts = vec![("message".to_owned(), message)];
    let system = system.as_mut().or(preferences.system_prompt.as_mut());
    texts.extend(system.map(|system| ("system".to_owned(), system)));
    let (checked, screen) = join(screening::check(texts), Screen::open()).await;
    checked?;
    screen
}

/// The model's answer as it may be shown.
pub(crate) struct Screened {
    /// None once the answer was blocked, which cancels it.
    source: Option<Source>,
    screen: Screen,
    /// What was held back has been asked for.
    is_over: bool,
    blocked: Option<ApiError>,
    said: usize,
    /// Of an answer that was blocked.
    served: Option<ResolvedModel>,
}

impl Screened {
    pub(crate) fn new(source: Source, screen: Screen) -> Self {
        Self {
            source: Some(source),
            screen,
            is_over: false,
            blocked: None,
            said: 0,
            served: None,
        }
    }

    /// The next pieces, at least one; none after the last. A call that is dropped loses nothing.
    pub(crate) async fn next(&mut self) -> Option<Vec<String>> {
        while let Some(source) = &mut self.source {
            let shown = match source.next().await {
                Some(pieces) => {
                    let sizes = pieces.iter().map(String::len);
                    self.said = sizes.fold(self.said, usize::saturating_add);
                    self.screen.pass(pieces)
                }
                None if self.is_over => return None,
                None => {
                    self.is_over = true;
                    self.screen.rest()
                }
            };
            if shown.blocked.is_some() {
                self.served = source.served().cloned();
                self.source = None;
                self.blocked = shown.blocked;
            }
            if !shown.pieces.is_empty() {
                return Some(shown.pieces);
            }
        }
        None
    }

    /// Who answers, as soon as there is a first piece.
    pub(crate) fn served(&self) -> Option<&ResolvedModel> {
        let source = self.source.as_ref().and_then(Source::served);
        source.or(self.served.as_ref())
    }

    /// What the model has said so far, shown or not, in bytes.
    pub(crate) fn said(&self) -> usize {
        self.said
    }

    /// How the answer ended; to be asked after the last piece.
    pub(crate) async fn end(self) -> Result<Completion, ApiError> {
        match (self.source, self.blocked) {
            (Some(source), None) => source.end().await.map_err(error_mapping::llm),
            (_, Some(blocked)) => Err(blocked),
            (None, None) => Err(ApiError::internal("a reply without an end")),
        }
    }
}
