//! Reading and tidying: the contract's `library`.

use futures::future::join_all;
use journal::{Journal, Platform, View};

use crate::archive;
use crate::archive::map::Archived;
use crate::entries::{Confirmed, Draft, Entry};
use crate::erasure;
use crate::error::Error;
use crate::ids;
use crate::reading;
use crate::recovery;
use crate::segments;
use crate::state::{Conversation, EvictedTitle, Limits, State, Turn, all_turns};
use crate::stop;
use crate::text;

/// How many conversations can be pinned, where the limit is higher.
pub(crate) const PINNED_MOST: u32 = 100;

/// How often something is tried while others move conversations.
const ATTEMPTS: usize = 6;

/// A conversation as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) model: String,
    pub(crate) message_count: u32,
    pub(crate) pinned: bool,
    pub(crate) provisional: bool,
    pub(crate) created: u64,
    pub(crate) updated: u64,
}

/// A place in the list of conversations: when one was updated, and its id.
pub(crate) type Place = (u64, String);

/// A part of the list, most recently updated first. Of two updated at once, the one with the greater id comes
/// first.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    /// The place of the last one, if there are more.
    pub(crate) next: Option<Place>,
}

/// Where a conversation of a page is.
enum Listed {
    InState(Box<Conversation>),
    Archived(Archived),
}

impl Listed {
    fn place(&self) -> (u64, &str) {
        match self {
            Self::InState(one) => (one.updated, &one.id),
            Self::Archived(one) => (one.updated, &one.id),
        }
    }
}

/// The conversations after a place.
async fn page<P: Platform>(
    journal: &Journal<P>,
    view: &View<State>,
    before: Option<&Place>,
    limit: usize,
) -> Result<Page<Listed>, journal::Error> {
    let before = before.map(|(updated, id)| (*updated, id.as_str()));
    let one_more = limit.saturating_add(1);
    let archived = archive::map::newest(journal, &view.state, before, one_more).await?;
    let in_state = view.state.conversations.iter();
    let in_state = in_state.map(|one| Listed::InState(Box::new(one.clone())));
    let mut items: Vec<Listed> = in_state
        .filter(|one| before.is_none_or(|before| one.place() < before))
        .chain(archived.into_iter().map(Listed::Archived))
        .collect();
    items.sort_by(|one, other| other.place().cmp(&one.place()));
    let has_more = items.len() > limit;
    items.truncate(limit);
    let last = items.last().filter(|_| has_more).map(Listed::place);
    let next = last.map(|(updated, id)| (updated, id.to_owned()));
    Ok(Page { items, next })
}

/// Conversations with all of their turns.
pub(crate) async fn list<P: Platform>(
    journal: &Journal<P>,
    before: Option<&Place>,
    limit: usize,
) -> Result<Page<Conversation>, Error> {
    let mut view = read_tidily(journal).await?;
    for _ in 0..ATTEMPTS {
        let found = async {
            let page = page(journal, &view, before, limit).await?;
            let archived = page.items.iter().filter_map(|one| match one {
                Listed::InState(_) => None,
                Listed::Archived(one) => Some(one.content.clone()),
            });
            let names: Vec<String> = archived.collect();
            let mut contents = archive::map::contents(journal, &names).await?.into_iter();
            let items = page.items.into_iter().filter_map(|one| match one {
                Listed::InState(one) => Some(*one),
                Listed::Archived(_) => contents.next(),
            });
            Ok(Page {
                items: items.collect::<Vec<Conversation>>(),
                next: page.next,
            })
        };
        match found.await {
            Err(journal::Error::Erased) => archive::refresh(journal, &mut view).await?,
            Err(error) => return Err(error.into()),
            Ok(page) => {
                let mut items = Vec::with_capacity(page.items.len());
                for one in page.items {
                    items.push(complete(journal, one).await?);
                }
                return Ok(Page {
                    items,
                    next: page.next,
                });
            }
        }
    }
    Err(Error::Unavailable(
        "the archive changes all the time".to_owned(),
    ))
}

/// What is read for a list of conversations.
pub(crate) struct Summaries {
    pub(crate) page: Page<Summary>,
    /// The one that is evicted next, if there are as many as the user may have.
    pub(crate) next_evicted: Option<EvictedTitle>,
}

/// Conversations without their turns, and which one is evicted next.
pub(crate) async fn summaries<P: Platform>(
    journal: &Journal<P>,
    before: Option<&Place>,
    limit: usize,
    max_conversations: u32,
) -> Result<Summaries, Error> {
    let mut view = read_tidily(journal).await?;
    for _ in 0..ATTEMPTS {
        let found = async {
            let page = page(journal, &view, before, limit).await?;
            let next = archive::next_evicted(journal, &view, max_conversations).await?;
            Ok((page, next))
        };
        match found.await {
            Err(journal::Error::Erased) => archive::refresh(journal, &mut view).await?,
            Err(error) => return Err(error.into()),
            Ok((page, next_evicted)) => {
                let items = page.items.into_iter().map(Summary::from).collect();
                let next = page.next;
                return Ok(Summaries {
                    page: Page { items, next },
                    next_evicted,
                });
            }
        }
    }
    Err(Error::Unavailable(
        "the archive changes all the time".to_owned(),
    ))
}

impl From<Listed> for Summary {
    fn from(listed: Listed) -> Self {
        match listed {
            Listed::InState(one) => Self {
                message_count: one.message_count(),
                provisional: !one.counts(),
                id: one.id,
                title: one.title,
                model: one.model,
                pinned: one.pinned,
                created: one.created,
                updated: one.updated,
            },
            Listed::Archived(one) => Self {
                id: one.id,
                title: one.title,
                model: one.model,
                message_count: one.message_count,
                pinned: one.pinned,
                provisional: false,
                created: one.created,
                updated: one.updated,
            },
        }
    }
}

/// One conversation with all of its turns.
pub(crate) async fn get<P: Platform>(
    journal: &Journal<P>,
    id: &str,
) -> Result<Conversation, Error> {
    let id = ids::conversation_id(id)?;
    let mut view = read_tidily(journal).await?;
    let archived = archive::look_up(journal, &mut view, &id).await?;
    let conversation = archived.or_else(|| view.state.conversation(&id).cloned());
    complete(journal, conversation.ok_or(Error::NotFound)?).await
}

/// Appends an entry about a conversation, which comes back from the archive for it, and writes a snapshot.
/// Appends it again if the conversation moved to the archive meanwhile. `decide` makes the entry of the
/// conversation as it is; none if nothing is to be done. Returns the conversation.
async fn change<P: Platform>(
    journal: &Journal<P>,
    view: &mut View<State>,
    id: &str,
    decide: impl Fn(&Conversation) -> Option<Entry>,
) -> Result<Conversation, Error> {
    for _ in 0..ATTEMPTS {
        archive::bring_back(journal, view, id).await?;
        let conversation = view.state.conversation(id).ok_or(Error::NotFound)?;
        let Some(entry) = decide(conversation) else {
            return Ok(conversation.clone());
        };
        append_and_save(journal, view, &entry).await?;
        if let Some(conversation) = view.state.conversation(id) {
            return Ok(conversation.clone());
        }
    }
    Err(Error::NotFound)
}

/// Keeps a conversation that is provisional so far, on purpose of the user.
async fn keep<P: Platform>(
    journal: &Journal<P>,
    view: &mut View<State>,
    id: &str,
    limits: Limits,
) -> Result<(), Error> {
    archive::bring_back(journal, view, id).await?;
    let conversation = view.state.conversation(id).ok_or(Error::NotFound)?;
    if conversation.counts() {
        return Ok(());
    }
    let time = journal.platform().now();
    let decide = |begins| {
        Entry::Confirmed(Confirmed {
            conversation: id.to_owned(),
            reply: None,
            time,
            begins,
        })
    };
    archive::append_with_room(journal, view, limits, id, decide).await?;
    Ok(())
}

/// Keeps a conversation from eviction.
pub(crate) async fn pin<P: Platform>(
    journal: &Journal<P>,
    id: &str,
    limits: Limits,
) -> Result<Conversation, Error> {
    let id = ids::conversation_id(id)?;
    let mut view = recovery::read(journal).await?;
    let most = limits.conversations.saturating_sub(1).min(PINNED_MOST);
    let archived = archive::look_up(journal, &mut view, &id).await?;
    let conversation = archived.as_ref().or(view.state.conversation(&id));
    if !conversation.ok_or(Error::NotFound)?.pinned {
        let pinned = view.state.pinned_count(Some(&id));
        if pinned >= usize::try_from(most).unwrap_or(usize::MAX) {
            return Err(too_many_pins(most));
        }
        keep(journal, &mut view, &id, limits).await?;
    }
    let decide = |conversation: &Conversation| {
        (!conversation.pinned).then(|| Entry::Pinned {
            conversation: id.clone(),
            limit: most,
            time: journal.platform().now(),
        })
    };
    let conversation = match archived.filter(|archived| archived.pinned) {
        Some(pinned) => pinned,
        None => change(journal, &mut view, &id, decide).await?,
    };
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
    let mut view = recovery::read(journal).await?;
    let archived = archive::look_up(journal, &mut view, &id).await?;
    if let Some(archived) = archived.filter(|archived| !archived.pinned) {
        return complete(journal, archived).await;
    }
    let decide = |conversation: &Conversation| {
        conversation.pinned.then(|| Entry::Unpinned {
            conversation: id.clone(),
            time: journal.platform().now(),
        })
    };
    let conversation = change(journal, &mut view, &id, decide).await?;
    complete(journal, conversation).await
}

/// Brings back an evicted conversation; what was evicted for it.
pub(crate) async fn restore<P: Platform>(
    journal: &Journal<P>,
    id: &str,
    limits: Limits,
) -> Result<(Conversation, Vec<EvictedTitle>), Error> {
    let id = ids::conversation_id(id)?;
    let mut view = recovery::read(journal).await?;
    let mut evicted = Vec::new();
    let archived = archive::look_up(journal, &mut view, &id).await?;
    if let Some(archived) = archived {
        return Ok((complete(journal, archived).await?, evicted));
    }
    if view.state.conversation(&id).is_none() {
        let now = journal.platform().now();
        if !view.state.can_restore(&id, now) {
            return Err(Error::NotFound);
        }
        let decide = |begins| Entry::Restored {
            conversation: id.clone(),
            time: now,
            begins,
        };
        evicted = archive::append_with_room(journal, &mut view, limits, &id, decide).await?;
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
    let mut view = recovery::read(journal).await?;
    let archived = archive::look_up(journal, &mut view, &id).await?;
    let conversation = archived.as_ref().or(view.state.conversation(&id));
    let conversation = conversation.ok_or(Error::NotFound)?;
    let Some(at) = conversation.position_of_version(message) else {
        return Err(not_choosable(journal, conversation, message).await);
    };
    if !conversation.has_version(at, message, active) {
        let why = "is not a version of this message";
        return Err(Error::Invalid(why.to_owned()));
    }
    if conversation.position(active) == Some(at) {
        return complete(journal, conversation.clone()).await;
    }
    let decide = |conversation: &Conversation| {
        let is_active = conversation.position(active) == Some(at);
        (!is_active).then(|| Entry::Chosen {
            conversation: id.clone(),
            version: active.to_owned(),
            time: journal.platform().now(),
        })
    };
    let conversation = change(journal, &mut view, &id, decide).await?;
    complete(journal, conversation).await
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
    let mut view = recovery::read(journal).await?;
    keep(journal, &mut view, &id, limits).await?;
    let decide = |_: &Conversation| {
        Some(Entry::Renamed {
            conversation: id.clone(),
            title: title.clone(),
            time: journal.platform().now(),
        })
    };
    change(journal, &mut view, &id, decide).await
}

/// Gives a conversation the title that a model made, unless it has one of the user's.
pub(crate) async fn suggest_title<P: Platform>(
    journal: &Journal<P>,
    id: &str,
    title: &str,
) -> Result<(), Error> {
    let id = ids::conversation_id(id)?;
    let title = valid_title(title)?;
    let mut view = recovery::read(journal).await?;
    for _ in 0..ATTEMPTS {
        archive::bring_back(journal, &mut view, &id).await?;
        let conversation = view.state.conversation(&id).ok_or(Error::NotFound)?;
        if conversation.renamed || conversation.title == title {
            return Ok(());
        }
        let entry = Entry::Titled {
            conversation: id.clone(),
            title: title.clone(),
            time: journal.platform().now(),
        };
        journal.append(&mut view, &entry).await?;
        if view.state.conversation(&id).is_some() {
            return Ok(());
        }
        // It moved meanwhile, or was removed; the title must not stay behind.
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
    let mut view = recovery::read(journal).await?;
    let mut due = Vec::new();
    for attempt in 0..ATTEMPTS {
        archive::bring_back(journal, &mut view, &id).await?;
        let conversation = view.state.conversation(&id);
        if conversation.is_none() && view.state.draft(&id).is_none() {
            // Somebody else deleted it, or it never was.
            return if attempt > 0 {
                Ok(())
            } else {
                Err(Error::NotFound)
            };
        }
        let turns = conversation.map_or(&[][..], |conversation| &conversation.turns);
        let running = all_turns(turns).filter(|turn| turn.reply.is_none());
        due.extend(running.map(Turn::reply_number));
        let entry = Entry::Deleted {
            conversation: id.clone(),
            time: journal.platform().now(),
        };
        append_and_save(journal, &mut view, &entry).await?;
        // It may have moved to the archive before.
        if archive::look_up(journal, &mut view, &id).await?.is_none() {
            break;
        }
    }
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
    let mut view = recovery::read(journal).await?;
    if let Some(last) = view.state.drafts.last() {
        draft.time = draft.time.max(last.draft.time.saturating_add(1));
    }
    draft.limit = draft.limit.min(view.state.drafts_beside(&draft));
    append_and_save(journal, &mut view, &Entry::Drafted(draft.clone())).await?;
    Ok(draft)
}

/// Conversations without messages, oldest first.
pub(crate) async fn drafts<P: Platform>(journal: &Journal<P>) -> Result<Vec<Draft>, Error> {
    let view = recovery::read(journal).await?;
    let drafts = view.state.drafts.into_iter();
    Ok(drafts.map(|drafted| drafted.draft).collect())
}

/// Removes everything of the user and erases it.
pub(crate) async fn clear<P: Platform>(journal: &Journal<P>) -> Result<(), Error> {
    let mut view = recovery::read(journal).await?;
    if view.state == State::default() {
        return Ok(());
    }
    let due: Vec<u64> = view.state.due().map(Turn::reply_number).collect();
    let entry = Entry::Cleared {
        time: journal.platform().now(),
    };
    append_and_save(journal, &mut view, &entry).await?;
    notify_all(journal, &due).await;
    while view.state.erases_archive() {
        view = journal.read().await?;
        reading::resolve(journal, &mut view, None).await?;
        erasure::write_snapshot(journal, &mut view, Vec::new()).await?;
    }
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
    archive::move_surplus(journal, view).await;
    Ok(())
}

async fn read_tidily<P: Platform>(journal: &Journal<P>) -> Result<View<State>, Error> {
    let mut view = recovery::read(journal).await?;
    if erasure::tidy_after_reading(journal, &mut view)
        .await
        .is_err()
    {
        // What was half done must not be answered; reading again is simplest.
        view = recovery::read(journal).await?;
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
