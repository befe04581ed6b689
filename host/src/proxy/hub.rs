//! Channels with their subscribers. Items with ids are put in order and are delivered once.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc};

use super::item::Item;

/// Channels that one connection may subscribe to. As in Pushpin, where 20 is the default of
/// `connection_subscription_max`, more are ignored.
pub(super) const MAX_SUBSCRIPTIONS: usize = 400;

/// Items that may wait for one subscriber. One that is slower loses its connection.
const MAX_WAITING: usize = 1000;

/// How long an item waits for those before it, and how many do on one channel.
const REORDER_TIME: Duration = Duration::from_secs(5);
const MAX_REORDERED: usize = 100;

/// How long the id of an item is remembered, so that a repeated item is not delivered again.
const ID_TIME: Duration = Duration::from_secs(60);

/// How long the last id of a channel is remembered after its last subscriber has left.
const LINGER: Duration = Duration::from_secs(60);

/// Times are checked in this interval.
const TICK: Duration = Duration::from_millis(250);

#[derive(Default)]
pub(super) struct Hub {
    state: Mutex<State>,
    next: AtomicU64,
}

#[derive(Default)]
struct State {
    channels: HashMap<String, Channel>,
    known_ids: HashSet<(String, String)>,
    /// The same in the order of their times.
    id_times: VecDeque<(Instant, (String, String))>,
}

#[derive(Default)]
struct Channel {
    subscribers: HashMap<u64, Subscriber>,
    last_id: Option<String>,
    /// Items that came before the one whose id they name.
    waiting: HashMap<String, (Instant, Arc<Item>)>,
    /// When the last subscriber went.
    left: Option<Instant>,
}

struct Subscriber {
    mailbox: Arc<Mailbox>,
    filter: Filter,
}

/// The items that a subscriber does not get.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    /// The subscriber's name.
    pub(super) user: Option<String>,
    /// Not those that the user sent.
    pub(super) skips_self: bool,
    /// Not those that name the user among those who are skipped.
    pub(super) skips_users: bool,
}

impl Filter {
    /// The filters of these names, of which others than the two are ignored.
    pub(super) fn of<'a>(user: Option<&str>, names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut filter = Self {
            user: user.map(str::to_owned),
            ..Self::default()
        };
        for name in names {
            filter.skips_self |= name == "skip-self";
            filter.skips_users |= name == "skip-users";
        }
        filter
    }

    fn passes(&self, item: &Item) -> bool {
        let Some(user) = &self.user else {
            return true;
        };
        let is_own = self.skips_self && item.sender.as_ref() == Some(user);
        let is_skipped = self.skips_users && item.skipped_users.contains(user);
        !is_own && !is_skipped
    }
}

/// Where the items of one connection wait.
struct Mailbox {
    sender: mpsc::Sender<Arc<Item>>,
    overflow: Arc<Notify>,
}

/// The subscriptions of one connection. Dropping it ends them.
pub(super) struct Session {
    hub: Arc<Hub>,
    id: u64,
    channels: HashSet<String>,
    mailbox: Arc<Mailbox>,
    items: mpsc::Receiver<Arc<Item>>,
}

impl Hub {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn session(self: &Arc<Self>) -> Session {
        let (sender, items) = mpsc::channel(MAX_WAITING);
        Session {
            hub: self.clone(),
            id: self.next.fetch_add(1, Ordering::Relaxed),
            channels: HashSet::new(),
            mailbox: Arc::new(Mailbox {
                sender,
                overflow: Arc::default(),
            }),
            items,
        }
    }

    /// Delivers an item to the subscribers of its channel.
    pub(super) fn publish(&self, item: Item) {
        let now = Instant::now();
        let mut state = self.state();
        if let Some(id) = &item.id {
            let key = (item.channel.clone(), id.clone());
            if !state.known_ids.insert(key.clone()) {
                return;
            }
            state.id_times.push_back((now, key));
        }
        // Without subscribers the order does not matter.
        if let Some(channel) = state.channels.get_mut(&item.channel) {
            channel.add(Arc::new(item), now);
        }
    }

    /// The last id on a channel, if it is remembered.
    pub(super) fn last_id(&self, channel: &str) -> Option<String> {
        self.state().channels.get(channel)?.last_id.clone()
    }

    /// Forgets the last id of a channel, since a subscriber has found that it missed something.
    pub(super) fn forget_last_id(&self, channel: &str) {
        if let Some(channel) = self.state().channels.get_mut(channel) {
            channel.last_id = None;
        }
    }

    /// Removes expired ids and channels. Does not return.
    pub(super) async fn expire(&self) {
        let mut ticks = tokio::time::interval(TICK);
        loop {
            ticks.tick().await;
            self.expire_at(Instant::now());
        }
    }

    fn expire_at(&self, now: Instant) {
        let is_over = |since: Instant, time: Duration| now.duration_since(since) >= time;
        let mut state = self.state();
        while let Some((time, _)) = state.id_times.front()
            && is_over(*time, ID_TIME)
            && let Some((_, key)) = state.id_times.pop_front()
        {
            state.known_ids.remove(&key);
        }
        state
            .channels
            .retain(|_, channel| !channel.left.is_some_and(|left| is_over(left, LINGER)));
        for channel in state.channels.values_mut() {
            while let Some(previous) = channel.oldest_waiting(|since| is_over(since, REORDER_TIME))
                && let Some((_, item)) = channel.waiting.remove(&previous)
            {
                channel.deliver(item);
            }
        }
    }
}

impl Channel {
    fn add(&mut self, item: Arc<Item>, now: Instant) {
        if let (Some(last), Some(previous)) = (&self.last_id, &item.prev_id)
            && last != previous
        {
            if self.waiting.len() < MAX_REORDERED {
                self.waiting.entry(previous.clone()).or_insert((now, item));
            }
            return;
        }
        self.deliver(item);
    }

    /// Delivers an item and those that waited for it.
    fn deliver(&mut self, item: Arc<Item>) {
        let mut next = Some(item);
        while let Some(item) = next {
            self.last_id.clone_from(&item.id);
            for subscriber in self.subscribers.values() {
                if !subscriber.filter.passes(&item) {
                    continue;
                }
                if subscriber.mailbox.sender.try_send(item.clone()).is_err() {
                    subscriber.mailbox.overflow.notify_one();
                }
            }
            let id = item.id.as_ref();
            next = id
                .and_then(|id| self.waiting.remove(id))
                .map(|(_, item)| item);
        }
    }

    fn oldest_waiting(&self, is_over: impl Fn(Instant) -> bool) -> Option<String> {
        let waiting = self
            .waiting
            .iter()
            .filter(|(_, (since, _))| is_over(*since));
        let oldest = waiting.min_by_key(|(_, (since, _))| *since)?;
        Some(oldest.0.clone())
    }
}

impl Session {
    /// Subscribes to a channel. Beyond [`MAX_SUBSCRIPTIONS`] nothing happens.
    pub(super) fn subscribe(&mut self, name: &str, filter: Filter) {
        if !self.channels.contains(name) && self.channels.len() >= MAX_SUBSCRIPTIONS {
            return;
        }
        self.channels.insert(name.to_owned());
        let mut state = self.hub.state();
        let channel = state.channels.entry(name.to_owned()).or_default();
        channel.left = None;
        let mailbox = self.mailbox.clone();
        channel
            .subscribers
            .insert(self.id, Subscriber { mailbox, filter });
    }

    pub(super) fn unsubscribe(&mut self, name: &str) {
        if self.channels.remove(name) {
            self.hub.leave(name, self.id);
        }
    }

    pub(super) fn channels(&self) -> &HashSet<String> {
        &self.channels
    }

    /// The next item. The future may be dropped without a loss.
    pub(super) async fn next(&mut self) -> Arc<Item> {
        match self.items.recv().await {
            Some(item) => item,
            // The sender is in the mailbox.
            None => std::future::pending().await,
        }
    }

    /// Is notified when this subscriber was too slow.
    pub(super) fn overflow(&self) -> Arc<Notify> {
        self.mailbox.overflow.clone()
    }
}

impl Hub {
    fn leave(&self, name: &str, id: u64) {
        if let Some(channel) = self.state().channels.get_mut(name) {
            channel.subscribers.remove(&id);
            if channel.subscribers.is_empty() {
                channel.left = Some(Instant::now());
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for name in &self.channels {
            self.hub.leave(name, self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: &str, prev_id: &str) -> Item {
        let optional = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Item {
            channel: "c".to_owned(),
            id: optional(id),
            prev_id: optional(prev_id),
            ..Item::default()
        }
    }

    fn received(session: &mut Session) -> Vec<String> {
        let mut ids = Vec::new();
        while let Ok(item) = session.items.try_recv() {
            ids.push(item.id.clone().unwrap_or_default());
        }
        ids
    }

    #[test]
    fn publish_delivers_in_order_and_once() {
        let hub = Arc::new(Hub::default());
        let mut session = hub.session();
        session.subscribe("c", Filter::default());
        for (id, previous) in [("1", "0"), ("3", "2"), ("4", "3"), ("2", "1"), ("2", "1")] {
            hub.publish(item(id, previous));
        }
        assert_eq!(received(&mut session), ["1", "2", "3", "4"]);
        assert_eq!(hub.last_id("c").as_deref(), Some("4"));
    }

    #[test]
    fn publish_after_a_gap_delivers_when_the_time_is_over() {
        let hub = Arc::new(Hub::default());
        let mut session = hub.session();
        session.subscribe("c", Filter::default());
        for (id, previous) in [("1", "0"), ("4", "3"), ("3", "2")] {
            hub.publish(item(id, previous));
        }
        assert_eq!(received(&mut session), ["1"]);
        hub.expire_at(Instant::now() + REORDER_TIME);
        assert_eq!(received(&mut session), ["4", "3"]);
    }

    #[test]
    fn a_subscriber_that_does_not_read_is_notified_and_others_get_everything() {
        let hub = Arc::new(Hub::default());
        let (mut slow, mut other) = (hub.session(), hub.session());
        slow.subscribe("c", Filter::default());
        other.subscribe("c", Filter::default());
        let mut count = 0;
        for _ in 0..=MAX_WAITING {
            hub.publish(item("", ""));
            count += received(&mut other).len();
        }
        assert_eq!(count, MAX_WAITING + 1);
        assert!(futures::FutureExt::now_or_never(slow.overflow().notified()).is_some());
        assert!(futures::FutureExt::now_or_never(other.overflow().notified()).is_none());
    }

    #[test]
    fn subscribe_beyond_the_limit_is_ignored() {
        let hub = Arc::new(Hub::default());
        let mut session = hub.session();
        for number in 0..MAX_SUBSCRIPTIONS {
            session.subscribe(&number.to_string(), Filter::default());
        }
        session.subscribe("c", Filter::default());
        hub.publish(item("1", ""));
        assert!(received(&mut session).is_empty());
        session.unsubscribe("0");
        session.subscribe("c", Filter::default());
        hub.publish(item("2", ""));
        assert_eq!(received(&mut session), ["2"]);
    }

    #[test]
    fn skipped_senders_and_users_are_skipped() {
        let hub = Arc::new(Hub::default());
        let mut session = hub.session();
        let mut other = hub.session();
        session.subscribe("c", Filter::of(Some("u"), ["skip-self", "skip-users"]));
        other.subscribe("c", Filter::of(Some("u"), []));
        for (sender, skipped) in [("u", "w"), ("v", "w"), ("v", "u")] {
            hub.publish(Item {
                sender: Some(sender.to_owned()),
                skipped_users: vec![skipped.to_owned()],
                ..item("", "")
            });
        }
        assert_eq!(received(&mut session).len(), 1);
        assert_eq!(received(&mut other).len(), 3);
    }

    #[test]
    fn a_channel_without_subscribers_is_forgotten() {
        let hub = Arc::new(Hub::default());
        let mut session = hub.session();
        session.subscribe("c", Filter::default());
        hub.publish(item("1", ""));
        drop(session);
        assert_eq!(hub.last_id("c").as_deref(), Some("1"));
        hub.expire_at(Instant::now() + LINGER);
        assert_eq!(hub.last_id("c"), None);
        assert!(hub.state().known_ids.is_empty());
    }
}
