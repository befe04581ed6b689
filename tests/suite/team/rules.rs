//! The rules that the state of team messaging follows at any time, looked at as the operator.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::harness::{Client, text_field};

/// Checks a channel, its members, threads and messages.
pub(super) async fn check_channel(operator: &Client, channel: &str) {
    let shown = operator.get(&format!("/api/channels/{channel}")).await;
    assert_eq!(shown.status, 200, "{shown:?}");
    let shown = shown.json();
    let members = operator.all_pages(&format!("/api/members/{channel}")).await;
    assert_eq!(shown["memberCount"], members.len(), "{shown} {members:?}");
    let ids: BTreeSet<_> = members
        .iter()
        .map(|member| text_field(member, "userId"))
        .collect();
    assert_eq!(ids.len(), members.len(), "a member twice: {members:?}");
    let owners: Vec<_> = members
        .iter()
        .filter(|member| member["isOwner"] == true)
        .collect();
    assert_eq!(owners.len(), 1, "one owner: {members:?}");
    assert_eq!(owners[0]["role"], "admin", "{members:?}");
    assert_eq!(owners[0]["userId"], shown["ownerId"], "{shown} {members:?}");
    let bans = operator
        .all_pages(&format!("/api/members/{channel}/bans"))
        .await;
    for ban in &bans {
        let user = text_field(ban, "userId");
        assert!(!ids.contains(&user), "a banned member: {ban} {members:?}");
    }
    for thread in operator
        .all_pages(&format!("/api/threads/channel/{channel}"))
        .await
    {
        check_thread(operator, &thread).await;
    }
}

/// Checks that the messages of a thread have the numbers 1, 2, 3 … in the order of their times.
pub(super) async fn check_thread(operator: &Client, thread: &Value) -> Vec<Value> {
    let id = text_field(thread, "id");
    let messages = operator
        .all_pages(&format!("/api/messages/thread/{id}?after=0&limit=100"))
        .await;
    let numbers: Vec<_> = messages
        .iter()
        .map(|message| message["number"].as_u64().unwrap())
        .collect();
    let expected: Vec<_> = (1..=thread["lastNumber"].as_u64().unwrap()).collect();
    assert_eq!(numbers, expected, "{id}");
    let times: Vec<_> = messages
        .iter()
        .map(|message| text_field(message, "createdAt"))
        .collect();
    assert!(times.is_sorted(), "{id}: {times:?}");
    let ids: BTreeSet<_> = messages
        .iter()
        .map(|message| text_field(message, "id"))
        .collect();
    assert_eq!(ids.len(), messages.len(), "{id}: a message twice");
    for message in &messages {
        assert_eq!(message["threadId"], thread["id"]);
        assert_eq!(message["channelId"], thread["channelId"]);
        assert_eq!(
            message["senderId"].is_null(),
            message["sender"].is_null(),
            "{message}"
        );
        if message["deleted"] == true {
            assert_eq!(message["content"], "", "{message}");
            for list in ["attachments", "reactions", "mentions"] {
                assert_eq!(message[list], serde_json::json!([]), "{message}");
            }
        }
    }
    messages
}
