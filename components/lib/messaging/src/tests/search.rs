//! Full text search.

use super::{World, after, failure, on_both, page, user};
use crate::bindings::exports::goldfish::messaging::messages::SearchScope;

const ANYWHERE: SearchScope = SearchScope {
    channel_id: None,
    thread_id: None,
};

async fn search_texts(world: &World, who: &str, query: &str, scope: &SearchScope) -> Vec<String> {
    let messages = world
        .session()
        .search(who, query, scope, &page(10))
        .await
        .unwrap();
    messages
        .items
        .into_iter()
        .map(|message| message.content)
        .collect()
}

on_both! {
    async fn search_finds_words_only_in_channels_of_the_user(world: &World) {
        let (open, secret) = (world.channel("u1", &["u2"], false).await, world.channel("u1", &[], true).await);
        let (thread, hidden) = (world.thread("u1", &open).await, world.thread("u1", &secret).await);
        world.post("u1", &thread, "The Goldfish swims at example.com").await;
        world.post("u2", &thread, "Two goldfish-bowls").await;
        world.post("u1", &hidden, "A secret goldfish").await;
        assert_eq!(search_texts(world, "u2", "goldfish", &ANYWHERE).await, ["Two goldfish-bowls", "The Goldfish swims at example.com"]);
        assert_eq!(search_texts(world, "u1", "GOLD", &ANYWHERE).await.len(), 3);
        assert_eq!(search_texts(world, "u1", "bowl", &ANYWHERE).await, ["Two goldfish-bowls"]);
        assert_eq!(search_texts(world, "u1", "com gold", &ANYWHERE).await, ["The Goldfish swims at example.com"]);
        assert_eq!(search_texts(world, "u1", "fish", &ANYWHERE).await, [""; 0]);
        let within = |channel: &str, thread: &str| SearchScope {
            channel_id: Some(channel.to_owned()),
            thread_id: Some(thread.to_owned()),
        };
        assert_eq!(search_texts(world, "u1", "goldfish", &within(&secret, &hidden)).await, ["A secret goldfish"]);
        assert_eq!(search_texts(world, "u1", "goldfish", &within(&secret, &thread)).await, [""; 0]);
        let search = async |who: &str, query: &str, scope: &SearchScope| world.session().search(who, query, scope, &page(10)).await;
        assert_eq!(failure(search("u2", "x", &within(&secret, &hidden)).await), "Channel");
        let hidden = SearchScope { channel_id: None, thread_id: Some(hidden) };
        assert_eq!(failure(search("u2", "x", &hidden).await), "Thread");
        assert_eq!(failure(search("u2", "?!", &ANYWHERE).await), "Invalid q");
        assert_eq!(failure(search("u2", &"x".repeat(201), &ANYWHERE).await), "Invalid q");
        world.users(&["u3"]).await;
        assert_eq!(search_texts(world, "u3", "goldfish", &ANYWHERE).await, [""; 0]);
        // The words that index a channel give no access to it.
        let word = format!("c{}", secret.replace('-', ""));
        assert_eq!(search_texts(world, "u2", &word, &ANYWHERE).await, [""; 0]);
        world.session().leave("u2", &open).await.unwrap();
        assert_eq!(search_texts(world, "u2", "goldfish", &ANYWHERE).await, [""; 0]);
    }

    async fn search_follows_edits_and_deletions_before_and_after_they_are_indexed(world: &World) {
        let channel = world.channel("u1", &[], false).await;
        let thread = world.thread("u1", &channel).await;
        for indexed in [false, true] {
            let edited = world.post("u1", &thread, "apple").await;
            let deleted = world.post("u1", &thread, "apple pie").await;
            if indexed {
                assert_eq!(search_texts(world, "u1", "apple", &ANYWHERE).await.len(), 2);
            }
            world.session().edit("u1", &edited.id, "cherry").await.unwrap();
            world.session().delete_message(&user("u1"), &deleted.id).await.unwrap();
            assert_eq!(search_texts(world, "u1", "apple", &ANYWHERE).await, [""; 0]);
            assert_eq!(search_texts(world, "u1", "cherry", &ANYWHERE).await, ["cherry"]);
            world.session().delete_message(&user("u1"), &edited.id).await.unwrap();
        }
    }

    async fn search_pages_through_everything_once(world: &World) {
        let channel = world.channel("u1", &[], false).await;
        let thread = world.thread("u1", &channel).await;
        for n in 0..300 {
            world.post("u1", &thread, &format!("apple {n}")).await;
        }
        let mut numbers = Vec::new();
        let mut request = page(70);
        loop {
            let messages = world.session().search("u1", "apple", &ANYWHERE, &request).await.unwrap();
            numbers.extend(messages.items.iter().map(|message| message.number));
            match messages.page.next {
                Some(next) => request = after(70, &next),
                None => break,
            }
        }
        assert_eq!(numbers, (1..=300).rev().collect::<Vec<_>>());
        world.session().delete_thread(&user("u1"), &thread).await.unwrap();
        assert_eq!(search_texts(world, "u1", "apple", &ANYWHERE).await, [""; 0]);
        let thread = world.thread("u1", &channel).await;
        world.post("u1", &thread, "apple again").await;
        assert_eq!(search_texts(world, "u1", "apple", &ANYWHERE).await, ["apple again"]);
    }

    async fn search_of_a_user_with_many_channels_works(world: &World) {
        world.users(&["u1"]).await;
        let mut last = String::new();
        for n in 0..300 {
            let channel = crate::tests::new_channel(&format!("{n}"), false);
            last = world.session().create_channel("u1", channel).await.unwrap().id;
        }
        let thread = world.thread("u1", &last).await;
        world.post("u1", &thread, "apple").await;
        assert_eq!(search_texts(world, "u1", "apple", &ANYWHERE).await, ["apple"]);
    }

    async fn search_takes_words_of_any_script(world: &World) {
        let channel = world.channel("u1", &[], false).await;
        let thread = world.thread("u1", &channel).await;
        let text = "Größe कमल 東京タワー naïve Ⓐbc e\u{301}tude";
        world.post("u1", &thread, text).await;
        for query in ["größ", "कमल", "東京タワー", "naïv", "Ⓐbc", "e\u{301}tude"] {
            assert_eq!(search_texts(world, "u1", query, &ANYWHERE).await, [text], "{query}");
        }
    }
}
