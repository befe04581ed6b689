//! What goes on beside a reply: its pieces are stored now and then, and others are heeded who read
//! along or want it to end.

use contracts::conversations::{turns::Turn, types::Error as StoreError};

use crate::{
    backlog::{Backlog, Due},
    bell::Bell,
};

/// Attends to a turn that has begun, until the backlog is closed; `halt` rings when the reply is to
/// end. After a failure no later piece is stored, so that what is stored has no gaps; the end
/// stores the whole.
///
/// It has to be run to its end: a call of the turn that is dropped takes the turn with it.
pub(crate) async fn attend(turn: &Turn, backlog: &Backlog, halt: &Bell) -> Result<(), String> {
    let mut trouble = None;
    let mut followed = false;
    while let Some(due) = backlog.due(followed).await {
        match due {
            Due::Store(pieces) if trouble.is_none() => {
                trouble = turn.append(pieces).await.err().map(describe);
            }
            Due::Store(_) => {}
            // What cannot be seen now is seen the next time.
            Due::Look => {
                if let Ok(status) = turn.poll_status().await {
                    followed = status.followed;
                    if status.cancelled {
                        halt.ring();
                    }
                }
            }
        }
    }
    trouble.map_or(Ok(()), Err)
}

/// What the log says of a failure.
pub(crate) fn describe(error: StoreError) -> String {
    match error {
        StoreError::NotFound => "conversation is gone".to_owned(),
        StoreError::Invalid(what) => format!("reply cannot be stored: {what}"),
        StoreError::Conflict(what) => format!("reply has no place: {what}"),
        StoreError::Unavailable(cause) => cause,
    }
}
