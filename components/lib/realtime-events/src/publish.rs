//! Publishing what is committed.

use std::pin::pin;
use std::time::Duration;

use contracts::messaging::connections;
use contracts::messaging::events::{self, Batch, Event, Kind};
use contracts::realtime::proxy::{self, Action, Closing, Item};
use futures::channel::oneshot;
use futures::future::{FutureExt as _, select};
use http_edge::{ApiError, Context};
use spin_sdk::time::sleep;
use spin_sdk::wasip3::wit_bindgen::spawn;

use crate::frame::{Scope, frame};
use crate::names::{channel_name, feed_name, proof_name, thread_name, user_name};

/// The content of a ping after which sockets check what they may still follow: their clients' pongs have it too.
pub const CHECK: &str = "check";

/// How long this instance has to publish what it took, in seconds. After that others take it.
const SECONDS: u32 = 5;
/// How often new events are looked for after a publication, so that one request does not publish for ever.
const ROUNDS_MAX: usize = 200;
/// The longest time for which a response waits until sockets are closed.
const CLOSING_TIME: Duration = Duration::from_secs(2);

/// Publishes what was committed and not published. The response does not wait for it.
pub fn publish_in_background(context: &Context) {
    let log = context.log.background();
    let mut publication = Box::pin(async move {
        if let Err(error) = publish_pending().await {
            log.failed(&error);
        }
    });
    // Begins at once: what is spawned begins after the response is made, and while that happens the database can work.
    if publication.as_mut().now_or_never().is_none() {
        spawn(publication);
    }
}

/// Publishes what was committed and not published, by whomever. Does nothing without a proxy.
///
/// # Errors
/// 503 if the database or a proxy fails. Another call publishes it then.
pub async fn publish_pending() -> Result<(), ApiError> {
    if !proxy::is_configured().await {
        return Ok(());
    }
    for _ in 0..ROUNDS_MAX {
        let batches = events::take_unpublished(SECONDS)
            .await
            .map_err(error_mapping::messaging)?;
        if batches.is_empty() {
            return Ok(());
        }
        let items = batches.iter().flat_map(items_of).collect();
        proxy::publish(items)
            .await
            .map_err(error_mapping::realtime)?;
        // There may be more streams than are taken at once. Whoever commits an event after a stream was given back
        // publishes it.
        let mut is_more = batches.len() > 1;
        for batch in batches {
            is_more |= events::published(batch.stream, batch.last)
                .await
                .map_err(error_mapping::messaging)?;
        }
        if !is_more {
            break;
        }
    }
    Ok(())
}

/// A message to all who follow a thread, but those excluded. It is not stored and has no number. The sender does not get
/// it back.
pub fn transient_item(
    thread: &str,
    message: String,
    sender: Option<String>,
    excluded: Vec<String>,
) -> Item {
    Item {
        channel: thread_name(thread),
        id: None,
        previous_id: None,
        action: Action::Message(message),
        sender,
        excluded,
    }
}

/// Ends the sockets and streams that were opened with a session or an API key (`session:…` or `key:…`), or all of the
/// user with none. They are told to sign in again. What is published after the response does not reach them.
///
/// A failure is logged: sockets end at their next check all the same, if the database did not fail. A proxy that is slow
/// does not delay the response for long.
pub async fn close_sockets(context: &Context, user: String, proof: Option<String>) {
    let log = context.log.background();
    let (done, closed) = oneshot::channel();
    spawn(async move {
        if let Err(error) = end_sockets(&user, proof.as_deref()).await {
            log.failed(&error);
        }
        // Fails if the response did not wait.
        let _ = done.send(());
    });
    select(closed, pin!(sleep(CLOSING_TIME))).await;
}

async fn end_sockets(user: &str, proof: Option<&str>) -> Result<(), ApiError> {
    connections::end(user.to_owned(), proof.map(str::to_owned))
        .await
        .map_err(error_mapping::messaging)?;
    let closing = Item {
        channel: proof.map_or_else(|| user_name(user), proof_name),
        id: None,
        previous_id: None,
        action: Action::Close(Closing {
            code: 4401,
            reason: "Signed out.".to_owned(),
        }),
        sender: None,
        excluded: Vec::new(),
    };
    match proxy::publish(vec![closing]).await {
        Ok(()) | Err(proxy::Error::NotConfigured) => Ok(()),
        Err(error) => Err(error_mapping::realtime(error)),
    }
}

/// The items of a batch: each event for those who follow its channel, its thread or its user.
fn items_of(batch: &Batch) -> Vec<Item> {
    let mut items = Vec::new();
    for event in &batch.events {
        let mut add = |channel: String, scope: Scope<'_>, previous: u64| {
            items.push(Item {
                channel,
                id: Some(format!("{}-{}", batch.epoch, event.number)),
                previous_id: Some(format!("{}-{previous}", batch.epoch)),
                action: Action::Message(frame(event, &batch.epoch, scope)),
                sender: None,
                excluded: batch.excluded.clone(),
            });
        };
        if batch.is_feed {
            let scope = Scope::Feed(&batch.stream);
            add(feed_name(&batch.stream), scope, event.previous);
        } else {
            if let Some(thread) = &event.thread_id {
                add(thread_name(thread), Scope::Thread, event.previous);
            }
            let previous = event.number.saturating_sub(1);
            add(channel_name(&batch.stream), Scope::Channel, previous);
        }
        items.extend(ended_by(event, batch).map(check_item));
    }
    items
}

/// The channel of the proxy whose sockets may follow less after an event.
fn ended_by(event: &Event, batch: &Batch) -> Option<String> {
    match (event.kind, &event.thread_id) {
        (Kind::MemberRemoved | Kind::ChannelDeleted, _) if batch.is_feed => {
            Some(user_name(&batch.stream))
        }
        (Kind::ThreadDeleted, Some(thread)) if !batch.is_feed => Some(thread_name(thread)),
        _ => None,
    }
}

fn check_item(channel: String) -> Item {
    Item {
        channel,
        id: None,
        previous_id: None,
        action: Action::Ping(CHECK.to_owned()),
        sender: None,
        excluded: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: u64, previous: u64, thread: Option<&str>) -> Event {
        Event {
            kind: Kind::ThreadUpdated,
            number,
            previous,
            channel_id: Some("c".into()),
            thread_id: thread.map(str::to_owned),
            member: None,
            by: None,
            detail: None,
            at: 0,
            message: None,
        }
    }

    fn batch(is_feed: bool, events: Vec<Event>) -> Batch {
        Batch {
            stream: "s".into(),
            is_feed,
            epoch: "e".into(),
            last: 0,
            excluded: vec!["user_2".into()],
            events,
        }
    }

    fn names(items: &[Item]) -> Vec<(&str, &str, &str)> {
        let mut names = Vec::new();
        for item in items {
            let id = item.id.as_deref().unwrap_or_default();
            let previous = item.previous_id.as_deref().unwrap_or_default();
            names.push((item.channel.as_str(), id, previous));
        }
        names
    }

    #[test]
    fn items_of_a_channel_are_for_its_followers_and_those_of_the_thread() {
        let items = items_of(&batch(
            false,
            vec![event(7, 4, Some("t")), event(8, 7, None)],
        ));
        assert_eq!(
            names(&items),
            [
                ("t-t", "e-7", "e-4"),
                ("c-s", "e-7", "e-6"),
                ("c-s", "e-8", "e-7"),
            ]
        );
        assert!(items.iter().all(|item| item.excluded == ["user_2"]));
    }

    #[test]
    fn items_of_a_user_are_for_that_user() {
        let items = items_of(&batch(true, vec![event(3, 2, None)]));
        assert_eq!(names(&items), [("u-s", "e-3", "e-2")]);
    }

    #[test]
    fn items_of_what_ends_subscriptions_have_the_sockets_check_them() {
        let checked = |is_feed: bool, kind: Kind| {
            let event = Event {
                kind,
                ..event(1, 0, Some("t"))
            };
            let items = items_of(&batch(is_feed, vec![event]));
            let checks = items.into_iter().filter_map(|item| match item.action {
                Action::Ping(content) if content == CHECK && item.excluded.is_empty() => {
                    Some(item.channel)
                }
                _ => None,
            });
            checks.collect::<Vec<_>>()
        };
        assert_eq!(checked(true, Kind::MemberRemoved), ["o-s"]);
        assert_eq!(checked(true, Kind::ChannelDeleted), ["o-s"]);
        assert_eq!(checked(false, Kind::ThreadDeleted), ["t-t"]);
        assert!(checked(false, Kind::MemberRemoved).is_empty());
        assert!(checked(true, Kind::Mentioned).is_empty());
    }
}
