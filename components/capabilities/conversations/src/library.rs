//! Reading and tidying: the contract's `library`.

use futures::future::{join_all, try_join_all};
use journal::{Journal, Platform, View};

use crate::erasing;
use crate::error::Error;
use crate::facts::Fact;
use crate::ids;
use crate::reading;
use crate::segments;
use crate::state::{Conversation, State, Turn};
use crate::stopping;
use crate::text;

/// All conversations with all of their turns, most recently updated first.
pub(crate) async fn list<P: Platform>(journal: &Journal<P>) -> Result<Vec<Conversation>, Error> {
    let conversations = summaries(journal).await?;
    try_join_all(conversations.into_iter().map(|it| complete(journal, it))).await
}

/// The same without the turns that are in segments.
pub(crate) async fn summaries<P: Platform>(
    journal: &Journal<P>,
) -> Result<Vec<Conversation>, Error> {
    let mut view = read_tidily(journal).await?;
    let mut conversations = std::mem::take(&mut view.state.conversations);
    // Of two updated at once, the one that began later comes first.
    conversations.reverse();
    conversations.sort_by_key(|found| std::cmp::Reverse(found.updated));
    Ok(conversations)
}

/// One conversation with all of its turns.
pub(crate) async fn get<P: Platform>(
    journal: &Journal<P>,
    id: &str,
) -> Result<Conversation, Error> {
    let id = ids::conversation_id(id)?;
    let view = read_tidily(journal).await?;
    let mut conversations = view.state.conversations.into_iter();
    let found = conversations.find(|found| found.id == id);
    complete(journal, found.ok_or(Error::NotFound)?).await
}

/// Gives a conversation another title.
pub(crate) async fn rename<P: Platform>(
    journal: &Journal<P>,
    id: &str,
    title: &str,
) -> Result<Conversation, Error> {
    let id = ids::conversation_id(id)?;
    let title = valid_title(title)?;
    let mut view = reading::read(journal).await?;
    view.state.conversation(&id).ok_or(Error::NotFound)?;
    let fact = Fact::Renamed {
        conversation: id.clone(),
        title,
        time: journal.platform().now(),
    };
    append_and_save(journal, &mut view, &fact).await?;
    let found = view.state.conversation(&id).cloned();
    found.ok_or(Error::NotFound)
}

/// Gives a conversation the title that a model made, unless it has one of the user's.
pub(crate) async fn suggest_title<P: Platform>(
    journal: &Journal<P>,
    id: &str,
    title: &str,
) -> Result<(), Error> {
    let id = ids::conversation_id(id)?;
    let title = valid_title(title)?;
    let mut view = reading::read(journal).await?;
    let found = view.state.conversation(&id).ok_or(Error::NotFound)?;
    if found.renamed || found.title == title {
        return Ok(());
    }
    let fact = Fact::Titled {
        conversation: id.clone(),
        title,
        time: journal.platform().now(),
    };
    journal.append(&mut view, &fact).await?;
    if view.state.conversation(&id).is_none() {
        // It was removed meanwhile; the title must not stay behind.
        erasing::write_snapshot(journal, &mut view, Vec::new()).await?;
    }
    Ok(())
}

fn valid_title(title: &str) -> Result<String, Error> {
    let title = text::one_line(title);
    if (1..=text::RENAME_CHARS_MAX).contains(&title.chars().count()) {
        return Ok(title);
    }
    Err(Error::Invalid("title: 1 to 200 characters".to_owned()))
}

/// Removes a conversation and erases its content.
pub(crate) async fn delete<P: Platform>(journal: &Journal<P>, id: &str) -> Result<(), Error> {
    let id = ids::conversation_id(id)?;
    let mut view = reading::read(journal).await?;
    let found = view.state.conversation(&id).ok_or(Error::NotFound)?;
    let due = found.turns.iter().filter(|turn| turn.reply.is_none());
    let due: Vec<u64> = due.map(Turn::reply_number).collect();
    let fact = Fact::Deleted {
        conversation: id,
        time: journal.platform().now(),
    };
    append_and_save(journal, &mut view, &fact).await?;
    ring_all(journal, &due).await;
    Ok(())
}

/// Removes everything of the user and erases it.
pub(crate) async fn clear<P: Platform>(journal: &Journal<P>) -> Result<(), Error> {
    let mut view = reading::read(journal).await?;
    if view.state == State::default() {
        return Ok(());
    }
    let due: Vec<u64> = view.state.due().map(Turn::reply_number).collect();
    let fact = Fact::Cleared {
        time: journal.platform().now(),
    };
    append_and_save(journal, &mut view, &fact).await?;
    ring_all(journal, &due).await;
    Ok(())
}

/// Tells those who are writing replies that nobody wants any more. Who is not told goes on and
/// leaves nothing behind in the end.
async fn ring_all<P: Platform>(journal: &Journal<P>, numbers: &[u64]) {
    let rings = numbers
        .iter()
        .map(|number| stopping::ring(journal, *number));
    join_all(rings).await;
}

/// Whether the store answers.
pub(crate) async fn check<P: Platform>(platform: &P) -> Result<(), Error> {
    platform.get("conv:check").await?;
    Ok(())
}

/// Appends a fact and writes a snapshot that has it. The fact is what counts: a snapshot or an
/// erasure that fails is made up for by the next one.
pub(crate) async fn append_and_save<P: Platform>(
    journal: &Journal<P>,
    view: &mut View<State>,
    fact: &Fact,
) -> Result<(), Error> {
    journal.append(view, fact).await?;
    let mut saved = view.clone();
    if erasing::write_snapshot(journal, &mut saved, Vec::new())
        .await
        .is_ok()
    {
        *view = saved;
    }
    Ok(())
}

async fn read_tidily<P: Platform>(journal: &Journal<P>) -> Result<View<State>, Error> {
    let mut view = reading::read(journal).await?;
    if erasing::tidy_after_reading(journal, &mut view)
        .await
        .is_err()
    {
        // What was half done must not be answered; reading again is simplest.
        view = reading::read(journal).await?;
    }
    Ok(view)
}

/// Puts the turns that are in segments before the others.
async fn complete<P: Platform>(
    journal: &Journal<P>,
    mut conversation: Conversation,
) -> Result<Conversation, Error> {
    if conversation.segments > 0 {
        let place = conversation.place();
        let mut turns = segments::sealed_turns(journal, &place, conversation.segments).await?;
        turns.append(&mut conversation.turns);
        conversation.turns = turns;
        conversation.segments = 0;
        conversation.sealed = 0;
    }
    Ok(conversation)
}
