//! `goldfish:moderation`: what its default lets pass, and what the example by word list does in its
//! place, switched on in a copy of `spin.toml`.

use serde_json::json;
use upstream::{Fault, Outcome, Script, Upstream};

use crate::harness::{
    App, ChangedManifest, Event, Guest, World, component, eventually, text_of, world,
};

/// The manifest with the one line changed that says who moderates chats.
fn with_word_list() -> ChangedManifest {
    ChangedManifest::new(|table| {
        let row = r#"component = "capability-moderation-words"
            inherit_configuration = ["variables"]"#;
        let row: toml::Table = toml::from_str(row).unwrap();
        let dependencies = component(table, "chat")["dependencies"]
            .as_table_mut()
            .unwrap();
        dependencies.insert("goldfish:moderation@0.1.0".to_owned(), row.into());
    })
}

/// An application that moderates by `variables`, whose provider answers by `script`; and its
/// manifest, which is to be kept as long.
async fn moderated(script: Script, variables: &[(&str, &str)]) -> (ChangedManifest, World) {
    let upstream = Upstream::start(script).await.unwrap();
    let manifest = with_word_list();
    let app = App::with_defaults()
        .openai(&upstream)
        .manifest(manifest.path());
    let app = variables
        .iter()
        .fold(app, |app, (name, value)| app.variable(name, *value))
        .start()
        .await;
    (manifest, World { upstream, app })
}

async fn guest_of(world: &World) -> Guest {
    world.app.client().guest().await
}

/// The words of all that the provider was asked.
fn asked(world: &World) -> String {
    let requests = world.upstream.requests();
    requests
        .iter()
        .map(|request| String::from_utf8_lossy(&request.body).into_owned())
        .collect()
}

#[tokio::test]
async fn the_default_lets_all_pass() {
    let world = world(Script::new(["a bad", "fish"])).await;
    let guest = guest_of(&world).await;
    let chat = guest.ask("badfish").await.accepted().await;
    let id = chat.conversation_id();
    let events = chat.events().await;
    assert_eq!(text_of(&events), "a badfish");
    let pieces = events.iter().filter(|event| event.content().is_some());
    assert_eq!(pieces.count(), 2, "pieces stay as they came");
    let stored = guest.conversation(&id).await;
    assert_eq!(stored["messages"][0]["content"], "badfish");
}

#[tokio::test]
async fn a_blocked_message_is_neither_stored_nor_asked() {
    let variables = [
        ("moderation_words", "badfish, worse fish"),
        ("moderation_patterns", r#"["\\b\\d{4}-\\d{4}\\b"]"#),
    ];
    let (_manifest, world) = moderated(Script::new(["ok"]), &variables).await;
    let guest = guest_of(&world).await;
    for (message, reason) in [
        ("You BadFish!", "word-list"),
        ("no Worse\n fish", "word-list"),
        ("call 1234-5678", "pattern"),
    ] {
        let body = json!({ "message": message, "model": "gpt-4o" });
        let answer = guest.post("/api/chat", body).await;
        answer.is_error(422, "CONTENT_BLOCKED").names("message");
        assert!(answer.text().contains(reason), "{answer:?}");
    }
    let body = json!({ "message": "Hi", "system": "Say badfish.", "model": "gpt-4o" });
    let answer = guest.post("/api/chat", body).await;
    answer.is_error(422, "CONTENT_BLOCKED").names("system");

    assert!(guest.conversations().await.is_empty());
    assert_eq!(world.upstream.requests().len(), 0);
    assert!(!world.app.stored().concat().contains("BadFish"));
    assert!(!world.app.logs().contains("BadFish"));

    // And what only looks like it passes, the reply too: replies are not looked at.
    world.upstream.set(Script::new(["badfish"]));
    let chat = guest.ask("badfishes").await.accepted().await;
    assert_eq!(text_of(&chat.events().await), "badfish");
}

#[tokio::test]
async fn the_users_own_instructions_are_checked_too() {
    let (_manifest, world) =
        moderated(Script::new(["ok"]), &[("moderation_words", "badfish")]).await;
    let guest = guest_of(&world).await;
    let answer = guest
        .put(
            "/api/preferences",
            json!({ "systemPrompt": "Say badfish." }),
        )
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = json!({ "message": "Hi", "model": "gpt-4o" });
    let answer = guest.post("/api/chat", body).await;
    answer.is_error(422, "CONTENT_BLOCKED").names("system");
}

#[tokio::test]
async fn a_blocked_reply_ends_with_an_error_and_is_stored_as_far_as_it_passed() {
    // After the word the provider would go on for ever.
    let script =
        Script::new(["It is ", "a b", "ad", "fish", ", is it", "never"]).fault(Fault::HangAfter(5));
    let variables = [
        ("moderation_words", "badfish"),
        ("moderation_replies", "on"),
    ];
    let (_manifest, world) = moderated(script, &variables).await;
    let guest = guest_of(&world).await;
    let chat = guest.ask("What is it?").await.accepted().await;
    let id = chat.conversation_id();
    let events = chat.events().await;
    let names: Vec<_> = events.iter().map(Event::name).collect();
    assert_eq!(text_of(&events), "It is a ");
    assert_eq!(names[names.len() - 2..], ["error", "message"], "{events:?}");
    let error = events[events.len() - 2].json();
    assert_eq!(error["code"], "CONTENT_BLOCKED");
    assert_eq!(error["details"][0]["path"], "reply");
    assert!(events.last().unwrap().is_done());

    let stored = guest.conversation(&id).await;
    assert_eq!(stored["messages"][1]["content"], "It is a ");
    assert_eq!(stored["messages"][1]["status"], "stopped");
    eventually("the end of the request to the provider", || async {
        let requests = world.upstream.requests();
        (requests[0].outcome == Outcome::ClientLeft).then_some(())
    })
    .await;
    assert!(!world.app.stored().concat().contains("badfish"));

    // The conversation goes on.
    world.upstream.set(Script::new(["A goldfish."]));
    let body = json!({ "message": "Really?", "model": "gpt-4o", "conversationId": id });
    let events = guest.chat(body).await.events().await;
    assert_eq!(text_of(&events), "A goldfish.");
}

#[tokio::test]
async fn a_reply_blocked_at_once_is_a_stream_too() {
    let variables = [
        ("moderation_words", "badfish"),
        ("moderation_replies", "on"),
    ];
    let (_manifest, world) = moderated(Script::new(["badfish"]), &variables).await;
    let guest = guest_of(&world).await;
    let chat = guest.ask("What is it?").await.accepted().await;
    let id = chat.conversation_id();
    let events = chat.events().await;
    assert_eq!(text_of(&events), "");
    assert_eq!(events[1].json()["code"], "CONTENT_BLOCKED", "{events:?}");
    let stored = guest.conversation(&id).await;
    assert_eq!(stored["messages"][1]["status"], "stopped", "{stored}");
}

#[tokio::test]
async fn redaction_changes_what_is_asked_stored_and_shown() {
    let script = Script::new(["The ", "bad", "fish", " and the bad", "fishes, ", "Badfish"]);
    let variables = [
        ("moderation_words", "badfish"),
        ("moderation_replies", "on"),
        ("moderation_action", "redact"),
    ];
    let (_manifest, world) = moderated(script, &variables).await;
    let guest = guest_of(&world).await;
    let chat = guest.ask("What does BADFISH mean?").await.accepted().await;
    let id = chat.conversation_id();
    let events = chat.events().await;
    let reply = "The [redacted] and the badfishes, [redacted]";
    assert_eq!(text_of(&events), reply);
    let ids: Vec<u64> = events
        .iter()
        .filter(|event| event.content().is_some())
        .map(|event| event.id().unwrap().parse().unwrap())
        .collect();
    let numbers: Vec<u64> = (1..).take(ids.len()).collect();
    assert_eq!(ids, numbers, "pieces are counted as they are shown");
    assert!(events.last().unwrap().is_done());

    let stored = guest.conversation(&id).await;
    assert_eq!(
        stored["messages"][0]["content"],
        "What does [redacted] mean?"
    );
    assert_eq!(stored["messages"][1]["content"], reply);
    assert_eq!(stored["messages"][1]["status"], "complete");
    assert!(!stored["title"].as_str().unwrap().contains("BADFISH"));
    assert!(asked(&world).contains("What does [redacted] mean?"));
}

#[tokio::test]
async fn only_what_may_become_a_match_waits() {
    let script = Script::new(["one ", "two b", "never"]).fault(Fault::HangAfter(2));
    let variables = [
        ("moderation_words", "badfish"),
        ("moderation_replies", "on"),
    ];
    let (_manifest, world) = moderated(script, &variables).await;
    let guest = guest_of(&world).await;
    let mut chat = guest.ask("Count.").await.accepted().await;
    let mut shown = String::new();
    while shown.len() < "one two ".len() {
        shown.push_str(&chat.next_content().await.unwrap());
    }
    assert_eq!(shown, "one two ");
}

#[tokio::test]
async fn rules_that_cannot_be_read_let_nothing_pass() {
    for (name, value) in [
        ("moderation_patterns", r#"["("]"#),
        ("moderation_patterns", "marker-no-json"),
        ("moderation_action", "marker-shrug"),
    ] {
        let (_manifest, world) = moderated(Script::new(["ok"]), &[(name, value)]).await;
        let guest = guest_of(&world).await;
        let body = json!({ "message": "Hi", "model": "gpt-4o" });
        let answer = guest.post("/api/chat", body).await;
        answer.is_error(500, "INTERNAL");
        assert!(guest.conversations().await.is_empty());
        assert_eq!(world.upstream.requests().len(), 0);
        let told = eventually("the cause in the log", || async {
            let logs = world.app.logs();
            logs.contains("moderation").then_some(logs)
        })
        .await;
        assert!(!told.contains("marker-"), "{told}");
    }
}
