//! Recording the first word of a reply, where that has consequences: the conversation counts from then
//! on, and others may be evicted; another version of a message becomes the active one.

use journal::{Journal, Platform, View};

use super::Writing;
use crate::entries::{Confirmed, Entry};
use crate::error::Error;
use crate::reading;
use crate::state::{EvictedTitle, State};

/// Records the first word, if that has consequences. It has to be stored before: a reply that is lost
/// in a crash must not cost a conversation.
pub(super) async fn first_word<P: Platform>(
    journal: &Journal<P>,
    view: &mut View<State>,
    writing: &mut Writing,
) -> Result<(), Error> {
    let Some(limits) = writing.awaits_first_word else {
        return Ok(());
    };
    // When others were last updated decides which one is evicted.
    journal.catch_up(view).await?;
    reading::resolve(journal, view, Some(writing.number)).await?;
    let Some(turn) = view.state.turn(&writing.conversation, writing.number) else {
        // The conversation was deleted.
        writing.awaits_first_word = None;
        return Ok(());
    };
    let entry = Entry::Confirmed(Confirmed {
        conversation: writing.conversation.clone(),
        reply: Some(turn.reply_id.clone()),
        time: journal.platform().now(),
        begins: view.state.begins(limits),
    });
    let number = journal.append(view, &entry).await?;
    writing.awaits_first_word = None;
    writing
        .evicted
        .extend(EvictedTitle::all(&view.state, number));
    Ok(())
}
