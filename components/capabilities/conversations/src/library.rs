//! Reading and tidying: the contract's `library`.

use futures::future::{join_all, try_join_all};
use journal::{Journal, Platform, View};

use crate::entries::{Confirmed, Draft, Entry};
use crate::erasure;
use crate::error::Error;
use crate::ids;
use crate::reading;
use crate::segments;
use crate::state::{Conversation, EvictedTitle, Limits, State, Turn, all_turns};
use crate::stop;
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
    let view = read_tidily(journal).await?;
    Ok(sorted(view.state.conversations))
}

fn sorted(mut conversations: Vec<Conversation>) -> Vec<Conversation> {
    // Of two updated at once, the one that began later comes first.
    conversations.reverse();
    conversations.sort_by_key(|conversation| std::cmp::Reverse(conversation.updated));
    conversations
}

/// One conversation with all of its turns.
pub(crate) async fn get<P: Platform>(
    journal: &Journal<P>,
    id: &str,
) -> Result<Conversation, Error> {
    let id = ids::conversation_id(id)?;
    let view = read_tidily(journal).await?;
    let mut conversations = view.state.conversations.into_iter();
    let conversation = conversations.find(|conversation| conversation.id == id);
    complete(journal, conversation.ok_or(Error::NotFound)?).await
}

/// What is read for a list of conversations.
pub(crate) struct Summaries {
    /// Most recently updated first.
    pub(crate) conversations: Vec<Conversation>,
    /// The one that is evicted next, if there are as many as the user may have.
    pub(crate) next_evicted: Option<EvictedTitle>,
}

/// All conversations without the turns in segments, and which one is evicted next.
pub(crate) async fn summaries_with_next<P: Platform>(
    journal: &Journal<P>,
    limit: u32,
) -> Result<Summaries, Error> {
    let view = read_tidily(journal).await?;
    let next = view.state.next_evicted(limit);
    let next_evicted = next.map(|conversation| EvictedTitle {
        id: conversation.id.clone(),
        title: conversation.title.clone(),
    });
    Ok(Summaries {
        conversations: sorted(view.state.conversations),
        next_evicted,
    })
}

/// Keeps a conversation that is provisional so far, on purpose of the user.
async fn keep<P: Platform>(
    journal: &Journal<P>,
    view: &mut View<State>,
    id: &str,
    limits: Limits,
) -> Result<(), Error> {
    let conversation = view.state.conversation(id).ok_or(Error::NotFound)?;
    if conversation.counts() {
        return Ok(());
    }
    let entry = Entry::Confirmed(Confirmed {
        conversation: id.to_owned(),
        reply: None,
        time: journal.platform().now(),
        begins: view.state.begins(limits),
    });
    journal.append(view, &entry).await?;
    Ok(())
}

/// Keeps a conversation from eviction.
pub(crate) async fn pin<P: Platform>(
    journal: &Journal<P>,
    id: &str,
    limits: Limits,
) -> Result<Conversation, Error> {
    let id = ids::conversation_id(id)?;
    let mut view = reading::read(journal).await?;
    let most = limits.conversations.saturating_sub(1);
    let conversation = view.state.conversation(&id).ok_or(Error::NotFound)?;
    if !conversation.pinned {
        if view.state.pinned_count() >= usize::try_from(most).unwrap_or(usize::MAX) {
            return Err(too_many_pins(most));
        }
        keep(journal, &mut view, &id, limits).await?;
        let entry = Entry::Pinned {
            conversation: id.clone(),
            limit: most,
            time: journal.platform().now(),
        };
        append_and_save(journal, &mut view, &entry).await?;
    }
    let conversation = view.state.conversation(&id).cloned();
    let conversation = conversation.ok_or(Error::NotFound)?;
    if !conversation.pinned {
        return Err(too_many_pins(most));
    }
    complete(journal, conversation).await
}

fn too_many_pins(most: u32) -> Error {
    Error::Conflict(format!(
        "At most {most} conversations can be pinned. Unpin another one first."
    ))
}

/// Lets a conversation be evicted again.
pub(crate) async fn unpin<P: Platform>(
    journal: &Journal<P>,
    id: &str,
) -> Result<Conversation, Error> {
    let id = ids::conversation_id(id)?;
    let mut view = reading::read(journal).await?;
    let conversation = view.state.conversation(&id).ok_or(Error::NotFound)?;
    if conversation.pinned {
        let entry = Entry::Unpinned {
            conversation: id.clone(),
            time: journal.platform().now(),
        };
        append_and_save(journal, &mut view, &entry).await?;
    }
    let conversation = view.state.conversation(&id).cloned();
    complete(journal, conversation.ok_or(Error::NotFound)?).await
}

/// Brings back an evicted conversation; what was evicted for it.
pub(crate) async fn restore<P: Platform>(
    journal: &Journal<P>,
    id: &str,
    limits: Limits,
) -> Result<(Conversation, Vec<EvictedTitle>), Error> {
    let id = ids::conversation_id(id)?;
    let mut view = reading::read(journal).await?;
    let mut evicted = Vec::new();
    if view.state.conversation(&id).is_none() {
        let now = journal.platform().now();
        if !view.state.can_restore(&id, now) {
            return Err(Error::NotFound);
        }
        let entry = Entry::Restored {
            conversation: id.clone(),
            time: now,
            begins: view.state.begins(limits),
        };
        let number = journal.append(&mut view, &entry).await?;
        evicted = EvictedTitle::all(&view.state, number);
        // The replies that have ended since are read along with it.
        reading::resolve(journal, &mut view, None).await?;
    }
    let conversation = view.state.conversation(&id).cloned();
    let conversation = complete(journal, conversation.ok_or(Error::NotFound)?).await?;
    Ok((conversation, evicted))
}

/// Makes another version of a message the active one. `message` is the id of any version.
pub(crate) async fn set_active<P: Platform>(
    journal: &Journal<P>,
    id: &str,
    message: &str,
    active: &str,
) -> Result<Conversation, Error> {
    let id = ids::conversation_id(id)?;
    let mut view = reading::read(journal).await?;
    let conversation = view.state.conversation(&id).ok_or(Error::NotFound)?;
    let Some(at) = conversation.position_of_version(message) else {
        return Err(not_choosable(journal, conversation, message).await);
    };
    if !conversation.has_version(at, message, active) {
        let why = "is not a version of this message";
        return Err(Error::Invalid(why.to_owned()));
    }
    let is_active = conversation.position(active) == Some(at);
    if !is_active {
        let entry = Entry::Chosen {
            conversation: id.clone(),
            version: active.to_owned(),
            time: journal.platform().now(),
        };
        append_and_save(journal, &mut view, &entry).await?;
    }
    let conversation = view.state.conversation(&id).cloned();
    complete(journal, conversation.ok_or(Error::NotFound)?).await
}

async fn not_choosable<P: Platform>(
    journal: &Journal<P>,
    conversation: &Conversation,
    message: &str,
) -> Error {
    let is = |turn: &Turn| turn.id == message || turn.reply_id == message;
    if all_turns(&conversation.turns).any(is) {
        let why = "This message belongs to a version that is not active. Choose that one first.";
        return Error::Conflict(why.to_owned());
    }
    match segments::sealed_turns(journal, &conversation.place(), conversation.segments).await {
        Ok(sealed) if all_turns(&sealed).any(is) => {
            Error::Conflict("This message is too old to be changed.".to_owned())
        }
        Ok(_) => Error::NotFound,
        Err(error) => error,
    }
}

/// Gives a conversation another title. If it is provisional, it is kept from then on.
pub(crate) async fn rename<P: Platform>(
    journal: &Journal<P>,
    id: &str,
    title: &str,
    limits: Limits,
) -> Result<Conversation, Error> {
    let id = ids::conversation_id(id)?;
    let title = valid_title(title)?;
    let mut view = reading::read(journal).await?;
    keep(journal, &mut view, &id, limits).await?;
    let entry = Entry::Renamed {
        conversation: id.clone(),
        title,
        time: journal.platform().now(),
    };
    append_and_save(journal, &mut view, &entry).await?;
    let conversation = view.state.conversation(&id).cloned();
    conversation.ok_or(Error::NotFound)
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
    let conversation = view.state.conversation(&id).ok_or(Error::NotFound)?;
    if conversation.renamed || conversation.title == title {
        return Ok(());
    }
    let entry = Entry::Titled {
        conversation: id.clone(),
        title,
        time: journal.platform().now(),
    };
    journal.append(&mut view, &entry).await?;
    if view.state.conversation(&id).is_none() {
        // It was removed meanwhile; the title must not stay behind.
        erasure::write_snapshot(journal, &mut view, Vec::new()).await?;
    }
    Ok(())
}

pub(crate) fn valid_title(title: &str) -> Result<String, Error> {
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
    let conversation = view.state.conversation(&id);
    if conversation.is_none() && view.state.draft(&id).is_none() {
        return Err(Error::NotFound);
    }
    let turns = conversation.map_or(&[][..], |conversation| &conversation.turns);
    let due = all_turns(turns).filter(|turn| turn.reply.is_none());
    let due: Vec<u64> = due.map(Turn::reply_number).collect();
    let entry = Entry::Deleted {
        conversation: id,
        time: journal.platform().now(),
    };
    append_and_save(journal, &mut view, &entry).await?;
    notify_all(journal, &due).await;
    Ok(())
}

/// Creates a conversation without messages. Beyond the limit, the oldest one without messages is removed.
/// Its time is later than that of the one before, also within one millisecond, so that lists have them in
/// their order.
pub(crate) async fn create_draft<P: Platform>(
    journal: &Journal<P>,
    mut draft: Draft,
) -> Result<Draft, Error> {
    let mut view = reading::read(journal).await?;
    if let Some(last) = view.state.drafts.last() {
        draft.time = draft.time.max(last.draft.time.saturating_add(1));
    }
    append_and_save(journal, &mut view, &Entry::Drafted(draft.clone())).await?;
    Ok(draft)
}

/// Conversations without messages, oldest first.
pub(crate) async fn drafts<P: Platform>(journal: &Journal<P>) -> Result<Vec<Draft>, Error> {
    let view = reading::read(journal).await?;
    let drafts = view.state.drafts.into_iter();
    Ok(drafts.map(|drafted| drafted.draft).collect())
}

/// Removes everything of the user and erases it.
pub(crate) async fn clear<P: Platform>(journal: &Journal<P>) -> Result<(), Error> {
    let mut view = reading::read(journal).await?;
    if view.state == State::default() {
        return Ok(());
    }
    let due: Vec<u64> = view.state.due().map(Turn::reply_number).collect();
    let entry = Entry::Cleared {
        time: journal.platform().now(),
    };
    append_and_save(journal, &mut view, &entry).await?;
    notify_all(journal, &due).await;
    Ok(())
}

/// Tells those who are writing replies that nobody wants any more. Who is not told goes on and
/// leaves nothing behind in the end.
async fn notify_all<P: Platform>(journal: &Journal<P>, numbers: &[u64]) {
    let notifications = numbers.iter().map(|number| stop::notify(journal, *number));
    join_all(notifications).await;
}

/// Whether the store answers.
pub(crate) async fn check<P: Platform>(platform: &P) -> Result<(), Error> {
    platform.get("conv:check").await?;
    Ok(())
}

/// Appends an entry and writes a snapshot that has it. The entry is what counts: a snapshot or an
/// erasure that fails is made up for by the next one.
pub(crate) async fn append_and_save<P: Platform>(
    journal: &Journal<P>,
    view: &mut View<State>,
    entry: &Entry,
) -> Result<(), Error> {
    journal.append(view, entry).await?;
    let mut saved = view.clone();
    if erasure::write_snapshot(journal, &mut saved, Vec::new())
        .await
        .is_ok()
    {
        *view = saved;
    }
    Ok(())
}

async fn read_tidily<P: Platform>(journal: &Journal<P>) -> Result<View<State>, Error> {
    let mut view = reading::read(journal).await?;
    if erasure::tidy_after_reading(journal, &mut view)
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
