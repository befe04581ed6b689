//! No query reads a table from end to end, and no page is sorted.

use super::{NOW, World, after, new_channel, new_message, on_both, page, user};
use crate::bindings::exports::goldfish::messaging::channels::{self, Filter};
use crate::bindings::exports::goldfish::messaging::connections::{Owner, PresenceChoice};
use crate::bindings::exports::goldfish::messaging::events::Scope;
use crate::bindings::exports::goldfish::messaging::invitations::NewInvitation;
use crate::bindings::exports::goldfish::messaging::messages::{NewMessage, Position, SearchScope};
use crate::bindings::exports::goldfish::messaging::profiles::{
    AgeChange, Changes, MessagesOfDeleted,
};
use crate::bindings::exports::goldfish::messaging::threads;
use crate::types::{Actor, PageRequest, Role, TextChange};
use sql::Dialect;
use sql::testing::Statement;

/// Calls each operation in each form that has statements of its own. Gives the statements.
async fn everything(world: &World) -> Vec<Statement> {
    *world.driver.recorded.borrow_mut() = Some(Vec::new());
    people(world).await;
    let channel = channels_and_members(world).await;
    threads_and_messages(world, &channel).await;
    realtime(world, &channel).await;
    world
        .session()
        .delete_channel(&user("u1"), &channel)
        .await
        .unwrap();
    for messages in [MessagesOfDeleted::Keep, MessagesOfDeleted::Delete] {
        world.session().delete_user("u2", messages).await.unwrap();
    }
    world.driver.recorded.borrow_mut().take().unwrap()
}

async fn people(world: &World) {
    world.users(&["u1", "u2", "u3"]).await;
    let counted = PageRequest {
        count: true,
        ..after(2, "900")
    };
    for search in [None, Some("u")] {
        world.session().list_users(search, &page(2)).await.unwrap();
        world.session().list_users(search, &counted).await.unwrap();
    }
    let set = || TextChange::Set("/x".to_owned());
    let changes = Changes {
        name: Some("u1".to_owned()),
        image: set(),
        display_name: set(),
        avatar_url: set(),
        banner_url: set(),
        bio: set(),
        age: AgeChange::Set(1),
    };
    world.session().update_user("u1", changes).await.unwrap();
}

async fn channels_and_members(world: &World) -> String {
    let session = world.session();
    let owner = user("u1");
    let channel = session
        .create_channel("u1", new_channel("Plans", false))
        .await
        .unwrap()
        .id;
    for actor in [owner.clone(), Actor::Operator] {
        for category in [None, Some("General".to_owned())] {
            for search in [None, Some("plans".to_owned())] {
                let filter = Filter {
                    category: category.clone(),
                    search,
                    joined: false,
                };
                session
                    .list_channels(&actor, &filter, &page(2))
                    .await
                    .unwrap();
            }
        }
    }
    let filter = Filter {
        category: None,
        search: None,
        joined: true,
    };
    session
        .list_channels(&owner, &filter, &page(2))
        .await
        .unwrap();
    let changes = channels::Changes {
        name: Some("Plans".to_owned()),
        description: TextChange::Set("x".to_owned()),
        is_private: Some(true),
        category: Some("x".to_owned()),
        image_url: TextChange::Clear,
        banner_url: TextChange::Keep,
    };
    session
        .update_channel(&owner, &channel, changes)
        .await
        .unwrap();
    session.add_member(&owner, &channel, "u2").await.unwrap();
    session.ban(&owner, &channel, "u3", None).await.unwrap();
    session.list_bans(&owner, &channel, &page(2)).await.unwrap();
    session.lift_ban(&owner, &channel, "u3").await.unwrap();
    let anybody = NewInvitation {
        expires_at: Some(NOW + 1),
        max_uses: Some(3),
    };
    let invitation = session
        .create_invitation(&owner, &channel, &anybody)
        .await
        .unwrap();
    session
        .list_invitations(&owner, &channel, &page(2))
        .await
        .unwrap();
    session
        .inspect_invitation("u3", &invitation.token)
        .await
        .unwrap();
    session
        .accept_invitation("u3", &invitation.token)
        .await
        .unwrap();
    session
        .revoke_invitation(&owner, &channel, &invitation.invitation.id)
        .await
        .unwrap();
    session
        .list_members(&owner, &channel, &page(2))
        .await
        .unwrap();
    session
        .set_role(&owner, &channel, "u3", Role::Admin)
        .await
        .unwrap();
    session
        .transfer_ownership(&owner, &channel, "u3")
        .await
        .unwrap();
    session.leave("u3", &channel).await.unwrap();
    session.join("u1", &channel).await.unwrap();
    session.list_joined("u1", &page(2)).await.unwrap();
    channel
}

async fn threads_and_messages(world: &World, channel: &str) {
    let session = world.session();
    let thread = world.thread("u1", channel).await;
    for active_only in [true, false] {
        session
            .list_threads(&user("u1"), channel, active_only, &page(2))
            .await
            .unwrap();
    }
    let changes = threads::Changes {
        name: Some("x".to_owned()),
        description: TextChange::Clear,
        is_archived: Some(false),
    };
    session
        .update_thread(&user("u1"), &thread, &changes)
        .await
        .unwrap();
    let first = world.post("u1", &thread, "Hello @u2").await;
    session.may_read_file("u2", &ids::new_uuid()).await.unwrap();
    session.list_detached_files().await.unwrap();
    session
        .forget_detached_files(&[ids::new_uuid()])
        .await
        .unwrap();
    let second = NewMessage {
        reply_to: Some(first.id.clone()),
        client_id: Some("c".to_owned()),
        ..new_message(&thread, "Hi")
    };
    for _ in 0..2 {
        session.post("u2", second.clone()).await.unwrap();
    }
    session
        .list_messages(&user("u1"), &thread, Position::Around(1), 2)
        .await
        .unwrap();
    session.edit("u1", &first.id, "Hello @u2!").await.unwrap();
    session
        .list_previous_texts(&user("u1"), &first.id)
        .await
        .unwrap();
    session.react("u1", &first.id, "x").await.unwrap();
    session.remove_reaction("u1", &first.id, "x").await.unwrap();
    session.mark_read("u2", &thread, 1).await.unwrap();
    for (channel_id, thread_id) in [
        (None, None),
        (Some(channel.to_owned()), Some(thread.clone())),
    ] {
        let scope = SearchScope {
            channel_id,
            thread_id,
        };
        session
            .search("u1", "hello", &scope, &page(2))
            .await
            .unwrap();
    }
    session.export("u2").await.unwrap();
    session
        .delete_message(&user("u1"), &first.id)
        .await
        .unwrap();
    session.delete_thread(&user("u1"), &thread).await.unwrap();
}

async fn realtime(world: &World, channel: &str) {
    let session = world.session();
    let thread = world.thread("u1", channel).await;
    for scope in [
        Scope::Feed,
        Scope::Channel(channel.to_owned()),
        Scope::Thread(thread.clone()),
    ] {
        session
            .read_events("u1", &scope, Some(0), 10, 0)
            .await
            .unwrap();
    }
    for batch in session.take_unpublished(5).await.unwrap() {
        session
            .set_published(&batch.stream, batch.last)
            .await
            .unwrap();
    }
    session.audience("u1", &thread).await.unwrap();
    session.expire_events(1).await.unwrap();
    let owner = Owner {
        user: "u1".to_owned(),
        proof: "session:s".to_owned(),
    };
    let ticket = session.create_ticket(&owner).await.unwrap();
    session.take_ticket(&ticket).await.unwrap();
    session.open_connection("k", &owner, None).await.unwrap();
    for thread in [None, Some(thread.as_str())] {
        assert!(session.follow("k", channel, thread, 9).await.unwrap());
        session.unfollow("k", Some(channel), thread).await.unwrap();
        session.follow("k", channel, thread, 9).await.unwrap();
    }
    session.see_connection("k").await.unwrap();
    session.list_connections("u1").await.unwrap();
    session.list_connections_for("u1", "c").await.unwrap();
    session
        .set_presence("u1", PresenceChoice::Away)
        .await
        .unwrap();
    let of = ["u1".to_owned(), "u2".to_owned()];
    session.list_presence("u1", &of).await.unwrap();
    session.end_connections("u1", None).await.unwrap();
    session.expire_connections().await.unwrap();
    session.close_connection("k").await.unwrap();
}

/// Steps that read what is small by itself: the one row that was locked, the one page, the one row with a position.
const SMALL: [&str; 8] = [
    "SCAN due",
    "SCAN event_epoch",
    "SCAN locked",
    "SCAN page",
    "SCAN message_words_position",
    "SCAN (subquery",
    "SCAN CONSTANT ROW",
    "SCAN messaging_migrations",
];

/// The expensive steps in the plan of a statement.
fn bad_steps(world: &World, statement: &Statement) -> Vec<String> {
    let is_postgres = sql::Database::dialect(&world.driver) == Dialect::Postgres;
    let is_search = statement.0.contains("to_tsquery");
    // The channels that one user is a member of.
    let is_joined = statement.0.contains("WHERE me.rank > 0 AND c.key");
    let steps = world.driver.plan(statement).into_iter();
    let bad = steps.filter(|step| {
        if is_postgres {
            // Matches of a search come out of its index without an order.
            step.contains("Seq Scan on") && !step.contains("messaging_migrations")
                || step.contains("Sort") && !is_search && !is_joined
        } else {
            let is_scan = step.starts_with("SCAN")
                && !step.contains("VIRTUAL TABLE INDEX")
                && !SMALL.iter().any(|small| step.starts_with(small));
            is_scan || step.contains("TEMP B-TREE FOR ORDER BY") && !is_joined
        }
    });
    bad.collect()
}

on_both! {
    async fn each_statement_uses_an_index(world: &World) {
        let mut statements = everything(world).await;
        statements.sort_by(|a, b| a.0.cmp(&b.0));
        statements.dedup_by(|a, b| a.0 == b.0);
        assert!(statements.len() > 60, "{}", statements.len());
        let mut report = String::new();
        for statement in &statements {
            let bad = bad_steps(world, statement);
            if !bad.is_empty() {
                report.push_str(&format!("{}\n  {}\n", statement.0, bad.join("\n  ")));
            }
        }
        assert!(report.is_empty(), "\n{report}");
    }
}
