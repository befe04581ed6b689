//! Response bodies.

use contracts::messaging::{
    messages::ReadState,
    types::{Thread, Unread},
};
use serde::Serialize;
use team::{UnreadView, UtcTime};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ThreadView<'a> {
    id: &'a str,
    channel_id: &'a str,
    name: &'a str,
    description: Option<&'a str>,
    /// Null if the user was deleted.
    created_by: Option<&'a str>,
    is_archived: bool,
    created_at: UtcTime,
    updated_at: UtcTime,
    /// The number of its last message; 0 if there is none.
    last_number: u64,
    last_message_at: Option<UtcTime>,
    /// A user who is not a member has no unread messages.
    #[serde(flatten)]
    unread: UnreadView,
}

impl<'a> From<&'a Thread> for ThreadView<'a> {
    fn from(thread: &'a Thread) -> Self {
        let none_unread = Unread {
            messages: 0,
            mentions: 0,
        };
        Self {
            id: &thread.id,
            channel_id: &thread.channel_id,
            name: &thread.name,
            description: thread.description.as_deref(),
            created_by: thread.created_by.as_deref(),
            is_archived: thread.is_archived,
            created_at: UtcTime(thread.created_at),
            updated_at: UtcTime(thread.updated_at),
            last_number: thread.last_number,
            last_message_at: thread.last_message_at.map(UtcTime),
            unread: UnreadView::from(&thread.unread.unwrap_or(none_unread)),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReadStateView<'a> {
    thread_id: &'a str,
    channel_id: &'a str,
    /// The number of the last message that was read.
    number: u64,
    #[serde(flatten)]
    unread: UnreadView,
}

impl<'a> From<&'a ReadState> for ReadStateView<'a> {
    fn from(state: &'a ReadState) -> Self {
        Self {
            thread_id: &state.thread_id,
            channel_id: &state.channel_id,
            number: state.number,
            unread: UnreadView::from(&state.unread),
        }
    }
}
