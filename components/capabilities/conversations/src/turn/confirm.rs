//! Recording the first word of a reply, where that has consequences: the conversation counts from then
//! on, and others may be evicted; another version of a message becomes the active one.

use journal::{Journal, Platform, View};

use super::Writing;
use crate::archive;
use crate::entries::{Begins, Confirmed, Entry};
use crate::error::Error;
use crate::reading;
use crate::state::State;

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
    let conversation = view.state.conversation(&writing.conversation);
    let is_provisional = conversation.is_some_and(|conversation| !conversation.counts());
    let Some(turn) = view.state.turn(&writing.conversation, writing.number) else {
        // The conversation was deleted.
        writing.awaits_first_word = None;
        return Ok(());
    };
    let (conversation, reply) = (writing.conversation.clone(), turn.reply_id.clone());
    let time = journal.platform().now();
    let id = writing.conversation.as_str();
    // Only a provisional conversation counts from now on; otherwise there is nothing to evict.
    let evicted = if is_provisional {
        let decide = |begins| confirmed(conversation, reply, time, begins);
        archive::append_with_room(journal, view, limits, id, decide).await?
    } else {
        let entry = confirmed(conversation, reply, time, view.state.begins(limits));
        journal.append(view, &entry).await?;
        Vec::new()
    };
    writing.awaits_first_word = None;
    writing.evicted.extend(evicted);
    Ok(())
}

fn confirmed(conversation: String, reply: String, time: u64, begins: Begins) -> Entry {
    Entry::Confirmed(Confirmed {
        conversation,
        reply: Some(reply),
        time,
        begins,
    })
}
