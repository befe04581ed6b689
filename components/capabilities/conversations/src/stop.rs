//! Stopping replies from outside, and notifying their writers.

use futures::future::try_join_all;
use journal::{Journal, Platform};

use crate::archive;
use crate::entries::Entry;
use crate::error::Error;
use crate::ids;
use crate::reading::{self, Due};
use crate::recovery;
use crate::state::all_turns;

/// How long the one who wants replies to end waits for that (milliseconds), and how often it looks.
const PATIENCE: u64 = 1_000;
const LOOK_EVERY: u64 = 40;

/// Lets the writer of a reply know that somebody reads along, or that the journal has new entries for it.
/// What the value is does not matter, if only it is another one each time.
pub(crate) async fn notify<P: Platform>(journal: &Journal<P>, number: u64) -> Result<(), Error> {
    let key = ids::notification_key(journal, number);
    journal
        .platform()
        .set(&key, ids::new_id().as_bytes())
        .await?;
    Ok(())
}

/// Stops what is being written in a conversation; false when nothing is.
pub(crate) async fn stop<P: Platform>(
    journal: &Journal<P>,
    conversation: &str,
) -> Result<bool, Error> {
    let id = ids::conversation_id(conversation)?;
    let mut view = recovery::read(journal).await?;
    if archive::look_up(journal, &mut view, &id).await?.is_some() {
        return Ok(false);
    }
    let stopped = view.state.conversation(&id).ok_or(Error::NotFound)?;
    let running = || all_turns(&stopped.turns).filter(|turn| turn.reply.is_none());
    let due: Vec<Due> = running().map(Due::of).collect();
    let new = running().filter(|turn| turn.stopped.is_none());
    let replies: Vec<String> = new.map(|turn| turn.reply_id.clone()).collect();
    if !replies.is_empty() {
        let entry = Entry::Stopped {
            conversation: id,
            replies,
            time: journal.platform().now(),
        };
        journal.append(&mut view, &entry).await?;
    }
    // Also for those that were stopped before, in case the process ended before it notified.
    try_join_all(due.iter().map(|due| notify(journal, due.number))).await?;
    let platform = journal.platform();
    let since = platform.monotonic();
    while platform.monotonic().saturating_sub(since) < PATIENCE {
        let ends = due.iter().map(|due| reading::end(journal, due));
        if try_join_all(ends).await?.iter().all(Option::is_some) {
            break;
        }
        platform.sleep(LOOK_EVERY).await;
    }
    Ok(!due.is_empty())
}
