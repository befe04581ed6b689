//! Reading the state, with what a writer that died has left to do.

use journal::{Journal, Platform, View};

use crate::archive;
use crate::entries::{Confirmed, Entry};
use crate::error::Error;
use crate::reading::resolve;
use crate::state::{Limits, State};

/// The state now, with what has arrived of the replies that are due.
pub(crate) async fn read<P: Platform>(journal: &Journal<P>) -> Result<View<State>, Error> {
    let mut view = journal.read().await?;
    resolve(journal, &mut view, None).await?;
    confirm_first_words(journal, &mut view).await;
    Ok(view)
}

/// Records the first words of replies whose writers died before they did. What fails here is tried
/// again by the next reader.
pub(crate) async fn confirm_first_words<P: Platform>(journal: &Journal<P>, view: &mut View<State>) {
    while let Some((conversation, turn)) = view.state.unconfirmed() {
        let reply = turn.reply_id.clone();
        let limits = conversation.provisional.unwrap_or(Limits {
            conversations: u32::MAX,
            undo: 0,
        });
        let id = conversation.id.clone();
        let time = journal.platform().now();
        let decide = |begins| {
            Entry::Confirmed(Confirmed {
                conversation: id.clone(),
                reply: Some(reply.clone()),
                time,
                begins,
            })
        };
        let confirmed = if conversation.counts() {
            let entry = decide(view.state.begins(limits));
            journal
                .append(view, &entry)
                .await
                .map(drop)
                .map_err(Error::from)
        } else {
            let room = archive::append_with_room(journal, view, limits, &id, decide).await;
            room.map(drop)
        };
        let again = view.state.unconfirmed();
        if confirmed.is_err() || again.is_some_and(|(_, turn)| turn.reply_id == reply) {
            return;
        }
    }
}
