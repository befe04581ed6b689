//! The time between a question and the first word of its answer.

use contracts::{
    conversations::{
        turns::{BeginResult, Turn},
        types::Error as StoreError,
    },
    llm::{provider, types::ChatRequest},
};
use futures::future::{Either, join, select};

use crate::{
    bell::Bell,
    source::{Opening, Source},
    unstored::Unstored,
};

/// Stores the message while the provider is being reached: the reply's first word waits for the
/// slower of the two, not for both. A request that may have come before (`is_keyed`) asks the
/// provider only when it is certain that it has not.
pub(crate) async fn open(
    turn: &Turn,
    message: String,
    question: ChatRequest,
    is_keyed: bool,
) -> (Result<BeginResult, StoreError>, Opening) {
    let is_open = Bell::default();
    let halt = Bell::default();
    let go = Bell::default();
    let model = question.model.clone();

    let ask = async {
        let speak = std::pin::pin!(async {
            if is_keyed {
                go.heard().await;
            }
            match provider::chat(question).await {
                Ok((deltas, completion)) => Source::new(deltas, completion).open().await,
                Err(error) => Opening::Failed(error),
            }
        });
        // Leaving the question behind cancels it at the provider.
        let opening = match select(speak, halt.heard()).await {
            Either::Left((opening, _)) => opening,
            Either::Right(_) => Opening::Stopped,
        };
        is_open.ring();
        opening
    };
    let begin = async {
        let mut beginning = turn.begin(message, model).await;
        if let Ok(BeginResult::Started(started)) = &mut beginning {
            go.ring();
            let unstored = Unstored::new(started.directive.clone());
            let close = async {
                is_open.heard().await;
                unstored.close();
            };
            // Nothing is stored yet, so nothing can fail that matters.
            let _ = join(unstored.append_to(turn, &halt), close).await;
            started.directive = unstored.into_parts().1;
        } else {
            halt.ring();
        }
        beginning
    };
    let (opening, beginning) = join(ask, begin).await;
    (beginning, opening)
}
