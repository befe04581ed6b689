//! What a check of a socket brings. Checks take place when the proxy asks for news, with messages of clients that send
//! many, and when something may have ended what the socket follows.

use contracts::messaging::connections::CheckResult;
use contracts::messaging::events;
use http_edge::Context;
use realtime_events::{channel_name, expire_connections, publish_pending, thread_name};
use serde_json::{Map, json};
use spin_sdk::wasip3::wit_bindgen::spawn;
use websockets::Events;

use crate::{follow, messages};

/// Tells a socket what it does not follow any more, and the last numbers of what it does.
pub(crate) fn tell(found: CheckResult, out: &mut Events) {
    for lost in &found.lost {
        let (r#type, name) = match &lost.thread_id {
            Some(thread) => ("LEFT_THREAD", thread_name(thread)),
            None => ("LEFT_CHANNEL", channel_name(&lost.channel_id)),
        };
        out.unsubscribe(&name);
        out.json(&messages::confirmation(
            r#type,
            json!({
                "threadId": lost.thread_id,
                "channelId": lost.channel_id,
                "reason": "NOT_A_MEMBER",
            }),
        ));
    }
    if !found.follows.is_empty() {
        let (mut threads, mut channels) = (Map::new(), Map::new());
        for position in found.follows {
            match position.subscription.thread_id {
                Some(thread) => threads.insert(thread, json!(position.number)),
                None => channels.insert(position.subscription.channel_id, json!(position.number)),
            };
        }
        let heads = json!({ "threads": threads, "channels": channels });
        out.json(&json!({ "type": "HEADS", "payload": heads }).to_string());
    }
}

/// Publishes what others did not get to, and forgets sockets and events that are over.
pub(crate) async fn tidy_in_background(context: &Context, now: u64) {
    let log = context.log.background();
    let retention = follow::retention().await;
    spawn(async move {
        let tidied = async {
            publish_pending().await?;
            expire_connections().await?;
            let retention = u64::try_from(retention.as_millis()).unwrap_or(u64::MAX);
            events::expire(now.saturating_sub(retention))
                .await
                .map_err(error_mapping::messaging)
        };
        if let Err(error) = tidied.await {
            log.failed(&error);
        }
    });
}
