//! The time from a prepared turn to the first delta of its reply.

use std::pin::pin;

use completion::{Keep, Source, StoreStop, Storing, store_queue, store_stop};
use contracts::{
    conversations::{
        turns::{BeginResult, ReplyInfo, Turn},
        types::{Attachment, Error as StoreError},
    },
    llm::types::{ChatRequest, Error},
};
use futures::{
    channel::oneshot,
    future::{Either, join, select},
};

use crate::live::Live;

/// The result of beginning a turn.
pub(crate) enum Start {
    Started(Box<Started>),
    /// The request is a repetition; this is its reply.
    Existing(ReplyInfo),
}

/// A turn whose message is stored.
pub(crate) struct Started {
    pub(crate) info: ReplyInfo,
    pub(crate) storing: Storing,
    pub(crate) stop: StoreStop,
    pub(crate) first: FirstDelta,
    pub(crate) live: Live,
}

/// How a reply begins.
pub(crate) enum FirstDelta {
    /// With a delta, or with a silence after which deltas may come.
    Arrived(Source),
    Failed(Error),
    /// The reply was stopped before it began.
    Stopped,
}

/// Stores the message while the provider is asked: the first delta waits for the slower of the two,
/// not for both. A request that may be a repetition (`is_keyed`) asks the provider only when it is
/// certain that it is none. `tell` tells the sockets for the conversation as soon as the message is stored.
pub(crate) async fn begin(
    turn: &Turn,
    message: String,
    attachments: Vec<Attachment>,
    request: ChatRequest,
    is_keyed: bool,
    tell: impl FnOnce(&ReplyInfo) -> Live,
) -> Result<Start, StoreError> {
    let model = request.model.clone();
    let (stop_sender, mut stop) = store_stop();
    let (begun, has_begun) = oneshot::channel();
    // Nothing is queued before the first delta; the end of the queue ends the wait for it.
    let (queue, deltas) = store_queue();
    let ask = async {
        let first = ask(request, is_keyed, has_begun, &mut stop).await;
        drop(queue);
        first
    };
    let store = async {
        match turn.begin(message, attachments, model).await? {
            BeginResult::Existing(existing) => {
                drop(begun);
                Ok(Err(existing))
            }
            BeginResult::Started(started) => {
                // Nobody waits for it if the first delta has arrived already.
                let _ = begun.send(());
                let live = tell(&started.info);
                let mut storing = Storing::new(started.directive, stop_sender);
                storing.run(turn, deltas).await;
                Ok(Ok((started.info, storing, live)))
            }
        }
    };
    let (first, stored) = join(ask, store).await;
    Ok(match stored? {
        Err(existing) => Start::Existing(existing),
        Ok((info, storing, live)) => Start::Started(Box::new(Started {
            info,
            storing,
            stop,
            first,
            live,
        })),
    })
}

/// Asks the model. Dropping the request cancels it at the provider, which happens if the turn does
/// not begin (`has_begun` is dropped) or is stopped.
async fn ask(
    request: ChatRequest,
    is_keyed: bool,
    has_begun: oneshot::Receiver<()>,
    stop: &mut StoreStop,
) -> FirstDelta {
    // Sends nothing before it is polled.
    let mut asking = pin!(Source::request_stream(request, Keep::TextAndReasoning));
    let has_begun = if is_keyed {
        has_begun.await
    } else {
        match select(asking.as_mut(), has_begun).await {
            Either::Left((result, _)) => return FirstDelta::from(result),
            Either::Right((has_begun, _)) => has_begun,
        }
    };
    if has_begun.is_err() {
        return FirstDelta::Stopped;
    }
    match select(asking, pin!(stop.stopped())).await {
        Either::Left((result, _)) => FirstDelta::from(result),
        Either::Right(_) => FirstDelta::Stopped,
    }
}

impl From<Result<Source, Error>> for FirstDelta {
    fn from(result: Result<Source, Error>) -> Self {
        match result {
            Ok(source) => Self::Arrived(source),
            Err(error) => Self::Failed(error),
        }
    }
}
