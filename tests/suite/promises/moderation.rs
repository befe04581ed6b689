//! `goldfish:moderation`: what its default lets pass, and what the example by word list does in its
//! place, switched on in a copy of `spin.toml`.

use serde_json::{Value, json};
use upstream::{Fault, Outcome, RawResponse, Script, Upstream};

use crate::api::chat::attachments::pdf;
use crate::harness::{App, ChangedManifest, Event, Guest, World, eventually, text_of, world};

/// An application that moderates by `variables`, whose provider replies by `script`; and its
/// manifest, which has to live as long.
async fn moderated(script: Script, variables: &[(&str, &str)]) -> (ChangedManifest, World) {
    let upstream = Upstream::start(script).await.unwrap();
    let manifest = ChangedManifest::with_capability("moderation", "moderation-words");
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

/// The texts of all requests to the provider.
fn provider_request(world: &World) -> String {
    let requests = world.upstream.requests();
    requests
        .iter()
        .map(|request| String::from_utf8_lossy(&request.body).into_owned())
        .collect()
}

#[tokio::test]
async fn default_moderation_allows_everything() {
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
async fn a_blocked_message_is_neither_stored_nor_sent() {
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
        let response = guest.post("/api/chat", body).await;
        response.is_error(422, "CONTENT_BLOCKED").names("message");
        assert!(response.text().contains(reason), "{response:?}");
    }
    let body = json!({ "message": "Hi", "system": "Say badfish.", "model": "gpt-4o" });
    let response = guest.post("/api/chat", body).await;
    response.is_error(422, "CONTENT_BLOCKED").names("system");

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
async fn system_prompts_are_moderated() {
    let (_manifest, world) =
        moderated(Script::new(["ok"]), &[("moderation_words", "badfish")]).await;
    let guest = guest_of(&world).await;
    let response = guest
        .put(
            "/api/preferences",
            json!({ "systemPrompt": "Say badfish." }),
        )
        .await;
    assert_eq!(response.status, 200, "{response:?}");
    let body = json!({ "message": "Hi", "model": "gpt-4o" });
    let response = guest.post("/api/chat", body).await;
    response.is_error(422, "CONTENT_BLOCKED").names("system");
}

#[tokio::test]
async fn a_blocked_reply_ends_with_an_error_and_is_stored_up_to_the_blocked_part() {
    // After the word the provider would never end.
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

    // The conversation can be continued.
    world.upstream.set(Script::new(["A goldfish."]));
    let body = json!({ "message": "Really?", "model": "gpt-4o", "conversationId": id });
    let events = guest.chat(body).await.events().await;
    assert_eq!(text_of(&events), "A goldfish.");
}

#[tokio::test]
async fn a_reply_blocked_at_its_start_is_a_stream() {
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
async fn redaction_changes_the_sent_the_stored_and_the_returned_text() {
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
    assert!(provider_request(&world).contains("What does [redacted] mean?"));
}

#[tokio::test]
async fn an_interrupted_reply_keeps_the_allowed_part() {
    let script = Script::new(["one ", "two bad", "never"]).fault(Fault::CutAfter(2));
    let variables = [
        ("moderation_words", "badfish"),
        ("moderation_replies", "on"),
    ];
    let (_manifest, world) = moderated(script, &variables).await;
    let guest = guest_of(&world).await;
    let chat = guest.ask("Count.").await.accepted().await;
    let id = chat.conversation_id();
    let events = chat.events().await;
    // At the end of the reply, the text that was held back is not a match.
    assert_eq!(text_of(&events), "one two bad");
    let stored = guest.conversation(&id).await;
    assert_eq!(stored["messages"][1]["content"], "one two bad");
    assert_eq!(stored["messages"][1]["status"], "incomplete");
}

#[tokio::test]
async fn regenerate_moderates_the_message() {
    let (_manifest, world) =
        moderated(Script::new(["ok"]), &[("moderation_words", "badfish")]).await;
    let guest = guest_of(&world).await;
    let chat = guest.ask("Hi").await.accepted().await;
    let id = chat.conversation_id();
    chat.events().await;
    let path = format!("/api/conversations/{id}/regenerate");
    let body = json!({ "model": "gpt-4o", "system": "Say badfish." });
    let response = guest.post(&path, body).await;
    response.is_error(422, "CONTENT_BLOCKED").names("system");
    assert_eq!(world.upstream.requests().len(), 1);
    let stored = guest.conversation(&id).await;
    assert_eq!(stored["messages"][1]["content"], "ok", "it keeps its reply");
}

#[tokio::test]
async fn titles_contain_nothing_blocked() {
    let manifest = ChangedManifest::with_capability("moderation", "moderation-words");
    for (action, title) in [("block", "Hi"), ("redact", "About [redacted]")] {
        let upstream = Upstream::start(Script::new(["Hello."])).await.unwrap();
        let titles = Upstream::start(Script::new(["About ", "bad", "fish"])).await;
        let titles = titles.unwrap();
        let app = App::with_defaults()
            .openai(&upstream)
            .local(&titles)
            .manifest(manifest.path())
            .variable("title_model", "local-model")
            .variable("moderation_words", "badfish")
            .variable("moderation_replies", "on")
            .variable("moderation_action", action)
            .start()
            .await;
        let guest = app.client().guest().await;
        let chat = guest.ask("Hi").await.accepted().await;
        let id = chat.conversation_id();
        chat.events().await;
        titles.request(0).await;
        eventually("the title", || async {
            let stored = guest.conversation(&id).await;
            (stored["title"] == title).then_some(())
        })
        .await;
        assert!(!app.stored().concat().contains("badfish"), "{action}");
    }
}

fn completion(content: &str, stream: bool) -> Value {
    json!({
        "model": "gpt-4o", "stream": stream,
        "messages": [{ "role": "user", "content": content }],
    })
}

#[tokio::test]
async fn a_blocked_completion_request_is_not_sent() {
    let (_manifest, world) =
        moderated(Script::new(["ok"]), &[("moderation_words", "badfish")]).await;
    let guest = guest_of(&world).await;
    for (path, stream) in [
        ("/v1/chat/completions", false),
        ("/v1/chat/completions", true),
        ("/chat/completions", true),
    ] {
        let response = guest.post(path, completion("A badfish", stream)).await;
        assert_eq!(response.status, 422, "{response:?}");
        let error = &response.json()["error"];
        assert_eq!(error["type"], "invalid_request_error");
        assert_eq!(error["code"], "content_filter");
        assert_eq!(error["param"], "messages[0].content");
        assert!(!response.text().contains("badfish"));
    }
    for message in [
        json!({ "role": "system", "content": "Say badfish." }),
        json!({ "role": "user", "content": [{ "type": "text", "text": "badfish" }] }),
        json!({ "role": "tool", "tool_call_id": "c", "content": "badfish" }),
    ] {
        let hi = json!({ "role": "user", "content": "Hi" });
        let body = json!({ "messages": [hi, message] });
        let response = guest.post("/chat/completions", body).await;
        assert_eq!(response.status, 422, "{message}: {response:?}");
        assert_eq!(response.json()["error"]["param"], "messages[1].content");
    }
    assert_eq!(world.upstream.requests().len(), 0);

    // Blocked text of the model does not end a conversation.
    let body = json!({ "model": "gpt-4o", "messages": [
        { "role": "user", "content": "Which?" },
        { "role": "assistant", "content": "A badfish." },
        { "role": "user", "content": "Really?" },
    ]});
    let response = guest.post("/v1/chat/completions", body).await;
    assert_eq!(response.status, 200, "{response:?}");
}

#[tokio::test]
async fn a_blocked_completion_ends_with_content_filter() {
    let script = || Script::new(["It is a b", "ad", "fish", " after"]);
    let variables = [
        ("moderation_words", "badfish"),
        ("moderation_replies", "on"),
    ];
    let (_manifest, world) = moderated(script(), &variables).await;
    let guest = guest_of(&world).await;
    let response = guest
        .post("/v1/chat/completions", completion("What?", false))
        .await;
    assert_eq!(response.status, 200, "{response:?}");
    let object = response.json();
    assert_eq!(object["choices"][0]["finish_reason"], "content_filter");
    assert_eq!(object["choices"][0]["message"]["content"], "It is a ");
    assert_eq!(object["usage"]["estimated"], true);
    assert!(object["usage"]["completion_tokens"].as_u64().unwrap() > 3);

    // After the word the provider would never end.
    world.upstream.set(script().fault(Fault::HangAfter(4)));
    let mut body = completion("What?", true);
    body["stream_options"] = json!({ "include_usage": true });
    let response = guest.post("/v1/chat/completions", body).await;
    let text = response.text();
    let chunks: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter_map(|data| serde_json::from_str(data).ok())
        .collect();
    let choice = |chunk: &Value| chunk["choices"][0].clone();
    let text_sent: String = chunks
        .iter()
        .filter_map(|chunk| {
            choice(chunk)["delta"]["content"]
                .as_str()
                .map(str::to_owned)
        })
        .collect();
    assert_eq!(text_sent, "It is a ");
    let [.., end, used] = chunks.as_slice() else {
        panic!("{text}");
    };
    assert_eq!(choice(end)["finish_reason"], "content_filter");
    assert_eq!(used["usage"]["estimated"], true);
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    eventually("the end of the request to the provider", || async {
        let requests = world.upstream.requests();
        (requests[1].outcome == Outcome::ClientLeft).then_some(())
    })
    .await;

    // worker-api's format has no field for it.
    world.upstream.set(script());
    let body = json!({ "messages": [{ "role": "user", "content": "What?" }] });
    let response = guest.post("/chat/completions", body).await;
    assert_eq!(response.status, 422, "{response:?}");
    assert_eq!(response.json()["error"]["code"], "content_filter");
    assert!(!world.app.logs().contains("badfish"));
}

#[tokio::test]
async fn completions_are_redacted_in_request_and_response() {
    let script = || Script::new(["The b", "ad", "fish", "."]);
    let variables = [
        ("moderation_words", "badfish"),
        ("moderation_replies", "on"),
        ("moderation_action", "redact"),
    ];
    let (_manifest, world) = moderated(script(), &variables).await;
    let guest = guest_of(&world).await;
    let response = guest
        .post("/v1/chat/completions", completion("A badfish?", false))
        .await;
    let object = response.json();
    assert_eq!(
        object["choices"][0]["message"]["content"],
        "The [redacted]."
    );
    assert_eq!(object["choices"][0]["finish_reason"], "stop");
    assert!(provider_request(&world).contains("A [redacted]?"));
    let body = json!({ "messages": [{ "role": "user", "content": "A badfish?" }] });
    let response = guest.post("/chat/completions", body).await;
    assert_eq!(response.json()["response"], "The [redacted].");
    assert!(!provider_request(&world).contains("badfish"));
}

#[tokio::test]
async fn reasoning_is_moderated() {
    let chunk = |delta: Value, reason: Value| {
        let choice = json!({ "index": 0, "delta": delta, "finish_reason": reason });
        let chunk = json!({ "object": "chat.completion.chunk", "choices": [choice] });
        format!("data: {chunk}\n\n")
    };
    let body = [
        chunk(json!({ "reasoning_content": "I say b" }), Value::Null),
        chunk(json!({ "content": "Hello " }), Value::Null),
        chunk(json!({ "reasoning_content": "adfish" }), Value::Null),
        chunk(json!({ "content": "there" }), Value::Null),
        chunk(json!({}), json!("stop")),
        "data: [DONE]\n\n".to_owned(),
    ];
    let script =
        Script::new([""]).fault(Fault::Raw(200, "text/event-stream".into(), body.concat()));
    let variables = [
        ("moderation_words", "badfish"),
        ("moderation_replies", "on"),
        ("moderation_action", "redact"),
    ];
    let (_manifest, world) = moderated(script, &variables).await;
    let guest = guest_of(&world).await;
    let response = guest
        .post("/v1/chat/completions", completion("Hi", false))
        .await;
    let message = &response.json()["choices"][0]["message"];
    assert_eq!(message["content"], "Hello there", "{response:?}");
    assert_eq!(message["reasoning_content"], "I say [redacted]");
}

#[tokio::test]
async fn only_a_possible_match_delays_deltas() {
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
async fn invalid_rules_block_everything() {
    for (name, value) in [
        ("moderation_patterns", r#"["("]"#),
        ("moderation_patterns", "marker-no-json"),
        ("moderation_action", "marker-shrug"),
    ] {
        let (_manifest, world) = moderated(Script::new(["ok"]), &[(name, value)]).await;
        let guest = guest_of(&world).await;
        let body = json!({ "message": "Hi", "model": "gpt-4o" });
        let response = guest.post("/api/chat", body).await;
        response.is_error(500, "INTERNAL");
        assert!(guest.conversations().await.is_empty());
        assert_eq!(world.upstream.requests().len(), 0);
        let logs = eventually("the cause in the log", || async {
            let logs = world.app.logs();
            logs.contains("moderation").then_some(logs)
        })
        .await;
        assert!(!logs.contains("marker-"), "{logs}");
    }
}

#[tokio::test]
async fn fields_of_a_provider_do_not_evade_moderation() {
    let variables = [
        ("moderation_words", "badfish"),
        ("moderation_replies", "on"),
        ("moderation_action", "redact"),
    ];
    let event = |delta: Value, reason: Value| json!({ "choices": [{ "index": 0, "delta": delta, "finish_reason": reason }] });
    let detail = json!([{ "type": "reasoning.text", "text": "badfish" }]);
    let provider_response = RawResponse::events([
        event(
            json!({ "reasoning_content": "a bad", "reasoning_details": detail }),
            Value::Null,
        ),
        event(
            json!({ "reasoning_content": "fish, it seems" }),
            Value::Null,
        ),
        event(
            json!({ "content": "Hello", "x_text": "badfish" }),
            Value::Null,
        ),
        event(json!({}), json!("stop")),
    ]);
    let (_manifest, world) = moderated(provider_response.into(), &variables).await;
    let guest = guest_of(&world).await;
    for stream in [true, false] {
        let body = json!({
            "model": "gpt-4o", "stream": stream, "messages": [{ "role": "user", "content": "Hi!" }],
        });
        let provider_response = guest.post("/v1/chat/completions", body).await;
        assert_eq!(provider_response.status, 200, "{provider_response:?}");
        assert!(
            provider_response.text().contains("it seems"),
            "{provider_response:?}"
        );
        assert!(
            !provider_response.text().contains("badfish"),
            "{provider_response:?}"
        );
    }
    // The texts of a user are checked in parts of any type.
    let content = json!([{ "type": "x_text", "x": ["one badfish"], "data": "badfish" }]);
    let body = json!({ "model": "gpt-4o", "messages": [{ "role": "user", "content": content }] });
    let provider_response = guest.post("/v1/chat/completions", body).await;
    assert_eq!(provider_response.status, 200, "{provider_response:?}");
    let sent = world.upstream.requests().pop().unwrap().json();
    let part = &sent["messages"][0]["content"][0];
    assert!(!part["x"].to_string().contains("badfish"), "{sent}");
    assert_eq!(part["data"], "badfish", "{sent}");
}

#[tokio::test]
async fn text_of_attachments_is_moderated_as_messages_are() {
    let blocking = [("moderation_words", "badfish")];
    let (_manifest, world) = moderated(Script::new(["ok"]), &blocking).await;
    let guest = guest_of(&world).await;
    let bad_text = guest.uploaded("a.txt", b"a badfish here").await;
    let bad_pdf = guest.uploaded("a.pdf", &pdf("a badfish here")).await;
    let bad_name = guest.uploaded("badfish.txt", b"a fish").await;
    for file in [bad_text, bad_pdf, bad_name] {
        let body = json!({ "message": "Read.", "model": "gpt-4o", "attachments": [file["id"]] });
        let response = guest.post("/api/chat", body).await;
        response.is_error(422, "CONTENT_BLOCKED");
    }
    assert_eq!(provider_request(&world), "");
    assert!(guest.conversations().await.is_empty());

    let redacting = [
        ("moderation_words", "badfish"),
        ("moderation_action", "redact"),
    ];
    let (_manifest, world) = moderated(Script::new(["ok"]), &redacting).await;
    let guest = guest_of(&world).await;
    let file = guest.uploaded("a.txt", b"a badfish here").await;
    let body = json!({ "message": "Read.", "model": "gpt-4o", "attachments": [file["id"]] });
    let chat = guest.chat(body).await.accepted().await;
    let id = chat.conversation_id();
    chat.events().await;
    let body = json!({ "message": "Again.", "model": "gpt-4o", "conversationId": id });
    guest.chat(body).await.accepted().await.events().await;
    // Also where the file is sent again with a later message.
    assert_eq!(world.upstream.requests().len(), 2);
    let sent = provider_request(&world);
    assert!(
        sent.contains(" here") && !sent.contains("badfish"),
        "{sent}"
    );
}
