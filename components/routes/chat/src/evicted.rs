//! How evicted conversations look in events.

use contracts::conversations::types::EvictedConversation;
use serde::Serialize;

/// A conversation that was evicted; it can be restored for a while.
#[derive(Serialize)]
pub(crate) struct Evicted<'a> {
    id: &'a str,
    title: &'a str,
}

pub(crate) fn views(evicted: &[EvictedConversation]) -> Vec<Evicted<'_>> {
    evicted
        .iter()
        .map(|evicted| Evicted {
            id: &evicted.id,
            title: &evicted.title,
        })
        .collect()
}
