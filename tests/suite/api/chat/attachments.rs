//! Attachments of `POST /api/chat`: what the providers are sent, what is stored, and who may attach what.

use serde_json::{Value, json};
use upstream::{Gate, Script, Upstream};
use uuid::Uuid;

use crate::api::v1::files::png;
use crate::harness::{App, Bucket, Client, Event, Guest, World, skip_or_fail, text_of, world};

/// [`png`] without what is removed from images, in Base64.
const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAABzdW0hAAAACklEQVR4nGNgAAAAAgABc3VtIQAAAABJRU5Ec3VtIQ==";

const NOTES: &str = "# Notes\nGoldfish eat peas.";

/// A PDF document of one page with this line of text.
pub(crate) fn pdf(line: &str) -> Vec<u8> {
    let content = format!("BT /F1 12 Tf 72 720 Td ({line}) Tj ET");
    format!(
        "%PDF-1.4\n1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj\n\
         2 0 obj << /Type /Pages /Kids [3 0 R] /Count 1 >> endobj\n\
         3 0 obj << /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >> endobj\n\
         4 0 obj << /Length {} >> stream\n{content}\nendstream endobj\n\
         5 0 obj << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> endobj\n\
         trailer << /Root 1 0 R >>\n%%EOF",
        content.len()
    )
    .into_bytes()
}

/// What a model is sent of [`NOTES`].
fn notes_as_sent() -> String {
    format!("<file name=\"notes.md\" type=\"text/markdown\">\n{NOTES}\n</file>")
}

async fn guest_of(world: &World) -> Guest {
    world.app.client().guest().await
}

async fn upload(client: &Client, name: &str, content: &[u8]) -> Value {
    client.uploaded(name, content).await["id"].clone()
}

/// Sends a message with attachments in a new conversation, reads the reply, and returns the conversation's id.
async fn send(client: &Client, body: Value) -> String {
    let chat = client.chat(body).await.accepted().await;
    let id = chat.conversation_id();
    let events = chat.events().await;
    assert!(events.last().is_some_and(Event::is_done), "{events:?}");
    id
}

async fn send_files(client: &Client, files: &[&Value]) -> String {
    let body = json!({ "message": "What is it?", "model": "gpt-4o", "attachments": files });
    send(client, body).await
}

/// The content of the messages that a provider with OpenAI's API was sent, by the number of the request.
async fn contents(upstream: &Upstream, number: usize) -> Vec<Value> {
    let request = upstream.request(number).await.json();
    let messages = request["messages"].as_array().unwrap().iter();
    messages.map(|message| message["content"].clone()).collect()
}

fn text_part(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

fn image_part() -> Value {
    json!({ "type": "image_url", "image_url": { "url": format!("data:image/png;base64,{PNG}") } })
}

/// The rows of texts that are kept with files.
fn kept_texts(app: &App) -> Vec<String> {
    let rows = app.stored().into_iter();
    rows.filter(|row| row.starts_with("files:t:")).collect()
}

#[tokio::test]
async fn text_of_a_pdf_is_read_out_once_and_goes_with_its_file() {
    let world = world(Script::new(["fish"])).await;
    let guest = guest_of(&world).await;
    let paper = upload(&guest, "paper.pdf", &pdf("Goldfish remember.")).await;
    let id = send_files(&guest, &[&paper]).await;
    let kept = kept_texts(&world.app);
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(kept[0].ends_with("Goldfish remember."), "{kept:?}");

    // What a later turn sends is the text that was kept, and not that of the document.
    world
        .app
        .tamper("files:t:", |text| text.replace("Goldfish", "Kept fish"));
    let body = json!({ "message": "And?", "model": "gpt-4o", "conversationId": id });
    send(&guest, body).await;
    let sent = contents(&world.upstream, 1).await;
    let text = "<file name=\"paper.pdf\" type=\"application/pdf\">\nKept fish remember.\n</file>";
    assert_eq!(sent[0][0], text_part(text), "{sent:?}");

    // A text in a format of another version is read out again.
    world.app.tamper("files:t:", |text| {
        let (owner, _) = text.split_once('\n').unwrap();
        format!("{owner}\n0\n\nOther.")
    });
    let body = json!({ "message": "And?", "model": "gpt-4o", "conversationId": id });
    send(&guest, body).await;
    let sent = contents(&world.upstream, 2).await;
    assert_eq!(
        sent[0][0],
        text_part(&text.replace("Kept fish", "Goldfish"))
    );

    let path = format!("/api/v1/files/{}", paper.as_str().unwrap());
    assert_eq!(guest.delete(&path).await.status, 200);
    assert_eq!(kept_texts(&world.app), [""; 0]);
    // Erasing a user leaves none either.
    let paper = upload(&guest, "paper.pdf", &pdf("Goldfish remember.")).await;
    send_files(&guest, &[&paper]).await;
    assert_eq!(kept_texts(&world.app).len(), 1);
    let cleared = guest.delete("/api/clear").await;
    assert!(cleared.status < 300, "{cleared:?}");
    assert_eq!(kept_texts(&world.app), [""; 0]);
}

#[tokio::test]
async fn text_of_a_pdf_in_s3_goes_with_its_file() {
    let bucket = match Bucket::create().await {
        Ok(bucket) => bucket,
        Err(missing) => return skip_or_fail("attachments::s3", &missing),
    };
    let upstream = Upstream::start(Script::new(["fish"])).await.unwrap();
    let builder = App::with_defaults().s3(&bucket).openai(&upstream);
    let app = builder.start().await;
    let guest = app.client().guest().await;
    let mut papers = Vec::new();
    for number in 0..2 {
        let paper = upload(&guest, "paper.pdf", &pdf(&format!("Goldfish {number}."))).await;
        let id = send_files(&guest, &[&paper]).await;
        let body = json!({ "message": "And?", "model": "gpt-4o", "conversationId": id });
        send(&guest, body).await;
        let sent = contents(&upstream, 2 * number + 1).await;
        let text = sent[0][0]["text"].as_str().unwrap();
        assert!(text.contains(&format!("Goldfish {number}.")), "{text}");
        papers.push(paper.as_str().unwrap().to_owned());
    }
    assert_eq!(bucket.list().await.objects.len(), 4);
    // The list has files only, whatever the size of its pages.
    let mut listed = Vec::new();
    let mut path = "/api/v1/files?limit=1".to_owned();
    loop {
        let page = guest.get(&path).await.json();
        let files = page["files"].as_array().unwrap().iter();
        listed.extend(files.map(|file| file["id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["nextCursor"].as_str() else {
            break;
        };
        path = format!("/api/v1/files?limit=1&cursor={cursor}");
    }
    assert_eq!(listed, papers);
    let path = format!("/api/v1/files/{}", papers[0]);
    assert_eq!(guest.delete(&path).await.status, 200);
    assert_eq!(bucket.list().await.objects.len(), 2);
    let cleared = guest.delete("/api/clear").await;
    assert!(cleared.status < 300, "{cleared:?}");
    assert_eq!(bucket.list().await.objects, [""; 0]);
}

#[tokio::test]
async fn openai_is_sent_images_as_images_and_text_and_pdf_as_text() {
    let world = world(Script::new(["A ", "fish"])).await;
    let guest = guest_of(&world).await;
    let image = upload(&guest, "fish.png", &png()).await;
    let notes = upload(&guest, "notes.md", NOTES.as_bytes()).await;
    let paper = upload(&guest, "paper.pdf", &pdf("Goldfish remember.")).await;
    let body = json!({ "message": "What is it?", "model": "gpt-4o", "attachments": [image, notes, paper] });
    let chat = guest.chat(body).await.accepted().await;
    let id = chat.conversation_id();
    assert_eq!(text_of(&chat.events().await), "A fish");
    let paper_as_sent =
        "<file name=\"paper.pdf\" type=\"application/pdf\">\nGoldfish remember.\n</file>";
    assert_eq!(
        contents(&world.upstream, 0).await,
        [json!([
            image_part(),
            text_part(&notes_as_sent()),
            text_part(paper_as_sent),
            text_part("What is it?"),
        ])]
    );

    // The message refers to the files.
    let stored = guest.conversation(&id).await;
    let message = &stored["messages"][0];
    assert_eq!(message["content"], "What is it?");
    let attachments = message["attachments"].as_array().unwrap();
    let ids: Vec<_> = attachments.iter().map(|one| one["id"].clone()).collect();
    assert_eq!(ids, [image, notes, paper]);
    assert_eq!(attachments[1]["name"], "notes.md");
    assert_eq!(attachments[1]["mediaType"], "text/markdown");
    assert_eq!(attachments[1]["size"], NOTES.len());
    let url = attachments[1]["url"].as_str().unwrap();
    assert!(url.ends_with("/content"), "{url}");
    assert!(stored["messages"][1]["attachments"].is_null(), "{stored}");
    let journal = world.app.stored();
    let in_conversations = journal.iter().filter(|row| row.starts_with("conv:"));
    assert!(
        !in_conversations
            .into_iter()
            .any(|row| row.contains("eat peas"))
    );
}

#[tokio::test]
async fn anthropic_is_sent_blocks() {
    let upstream = Upstream::start(Script::new(["ok"])).await.unwrap();
    let app = App::with_defaults().anthropic(&upstream).start().await;
    let guest = app.client().guest().await;
    let image = upload(&guest, "fish.png", &png()).await;
    let notes = upload(&guest, "notes.md", NOTES.as_bytes()).await;
    let body =
        json!({ "message": "Look.", "model": "claude-3-haiku", "attachments": [image, notes] });
    send(&guest, body).await;
    let request = upstream.request(0).await.json();
    assert_eq!(
        request["messages"],
        json!([{ "role": "user", "content": [
            { "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": PNG } },
            { "type": "text", "text": notes_as_sent() },
            { "type": "text", "text": "Look." },
        ]}])
    );
}

#[tokio::test]
async fn workers_ai_is_sent_text_and_refuses_images_by_the_catalogue() {
    let upstream = Upstream::start(Script::new(["ok"])).await.unwrap();
    let app = App::with_defaults().workers_ai(&upstream).start().await;
    let guest = app.client().guest().await;
    let notes = upload(&guest, "notes.md", NOTES.as_bytes()).await;
    let image = upload(&guest, "fish.png", &png()).await;
    let model = "@cf/meta/llama-3-8b-instruct";
    send(
        &guest,
        json!({ "message": "Look.", "model": model, "attachments": [notes] }),
    )
    .await;
    let request = upstream.request(0).await.json();
    let sent = request["messages"][0]["content"].as_str().unwrap();
    assert!(
        sent.starts_with(&notes_as_sent()) && sent.ends_with("Look."),
        "{sent}"
    );

    let body = json!({ "message": "Look.", "model": model, "attachments": [notes, image] });
    let response = guest.post("/api/chat", body).await;
    response
        .is_error(400, "VALIDATION_ERROR")
        .names("attachments[1]");
    let sentence = response.json()["details"][0]["message"].to_string();
    assert!(
        sentence.contains(model) && sentence.contains("image/png"),
        "{sentence}"
    );
    assert_eq!(upstream.requests().len(), 1);
    assert_eq!(guest.conversations().await.len(), 1, "nothing is stored");
}

#[tokio::test]
async fn a_type_that_no_model_takes_is_400_with_the_model_and_the_type() {
    let world = world(Script::new(["ok"])).await;
    let guest = guest_of(&world).await;
    let archive = upload(
        &guest,
        "a.zip",
        b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    )
    .await;
    let body = json!({ "message": "Unpack.", "model": "gpt-4o", "attachments": [archive] });
    let response = guest.post("/api/chat", body).await;
    response
        .is_error(400, "VALIDATION_ERROR")
        .names("attachments[0]");
    let sentence = response.json()["details"][0]["message"].to_string();
    assert!(
        sentence.contains("gpt-4o") && sentence.contains("application/zip"),
        "{sentence}"
    );
    let binary = upload(&guest, "a.txt", b"plain \xff\xfe text").await;
    let body = json!({ "message": "Read.", "model": "gpt-4o", "attachments": [binary] });
    guest
        .post("/api/chat", body)
        .await
        .is_error(400, "VALIDATION_ERROR");
    assert!(world.upstream.requests().is_empty());
}

#[tokio::test]
async fn files_of_others_and_for_other_purposes_are_404() {
    let world = world(Script::new(["ok"])).await;
    let (guest, other) = (guest_of(&world).await, guest_of(&world).await);
    let of_other = upload(&other, "secret.txt", b"marker").await;
    let deleted = upload(&guest, "gone.txt", b"gone").await;
    let path = format!("/api/v1/files/{}", deleted.as_str().unwrap());
    assert_eq!(guest.delete(&path).await.status, 200);
    let form = crate::api::v1::files::Form::new().file("file", "a.png", None, &png());
    let avatar = guest.send_form("/api/uploads/profile/avatar", form).await;
    let url = avatar.json()["data"]["url"].as_str().unwrap().to_owned();
    let avatar = url.split('/').rev().nth(1).unwrap().to_owned();
    for id in [
        of_other,
        deleted,
        json!(avatar),
        json!(Uuid::new_v4().to_string()),
    ] {
        let body = json!({ "message": "Read.", "model": "gpt-4o", "attachments": [id] });
        guest
            .post("/api/chat", body)
            .await
            .is_error(404, "NOT_FOUND");
    }
    assert!(world.upstream.requests().is_empty());
    assert!(guest.conversations().await.is_empty());
}

#[tokio::test]
async fn attachments_that_are_invalid_are_400_with_the_path() {
    let guest = App::shared().await.client().guest().await;
    let id = Uuid::new_v4().to_string();
    for (attachments, path) in [
        (json!(["nonsense"]), "attachments[0]"),
        (json!([7]), "attachments[0]"),
        (json!("all"), "attachments"),
        (json!(vec![id; 11]), "attachments"),
    ] {
        let body = json!({ "message": "a", "attachments": attachments });
        let response = guest.post("/api/chat", body.clone()).await;
        assert_eq!(response.status, 400, "{body}: {response:?}");
        response.is_error(400, "VALIDATION_ERROR").names(path);
    }
    // Without text there must be a file.
    for body in [
        json!({ "message": "" }),
        json!({ "message": " ", "attachments": [] }),
    ] {
        guest
            .post("/api/chat", body)
            .await
            .is_error(400, "VALIDATION_ERROR")
            .names("message");
    }
}

#[tokio::test]
async fn a_message_of_files_alone_has_the_name_of_the_first_as_title() {
    let world = world(Script::new(["ok"])).await;
    let guest = guest_of(&world).await;
    let notes = upload(&guest, "notes.md", NOTES.as_bytes()).await;
    let id = send(
        &guest,
        json!({ "message": "", "model": "gpt-4o", "attachments": [notes] }),
    )
    .await;
    assert_eq!(guest.conversation(&id).await["title"], "notes.md");
    // A single text is sent as it is.
    assert_eq!(contents(&world.upstream, 0).await, [json!(notes_as_sent())]);
}

#[tokio::test]
async fn later_turns_regenerating_and_editing_send_the_files_again() {
    let world = world(Script::new(["ok"])).await;
    let guest = guest_of(&world).await;
    let image = upload(&guest, "fish.png", &png()).await;
    let notes = upload(&guest, "notes.md", NOTES.as_bytes()).await;
    let id = send_files(&guest, &[&image]).await;
    let first = json!([image_part(), text_part("What is it?")]);
    send(
        &guest,
        json!({ "message": "And now?", "conversationId": id, "attachments": [notes] }),
    )
    .await;
    let second = json!([text_part(&notes_as_sent()), text_part("And now?")]);
    let sent = contents(&world.upstream, 1).await;
    assert_eq!((&sent[0], &sent[2]), (&first, &second));

    let path = format!("/api/conversations/{id}/regenerate");
    let client = guest.with("content-type", "application/json");
    let reply = client.open("POST", &path, Some(b"{}".to_vec())).await;
    reply.accepted().await.events().await;
    let sent = contents(&world.upstream, 2).await;
    assert_eq!((&sent[0], &sent[2]), (&first, &second));

    // An edit keeps the files unless it names others.
    let messages = guest.conversation(&id).await["messages"].clone();
    let edits = &messages[2]["id"];
    send(
        &guest,
        json!({ "message": "Then?", "conversationId": id, "edits": edits }),
    )
    .await;
    let third = json!([text_part(&notes_as_sent()), text_part("Then?")]);
    assert_eq!(contents(&world.upstream, 3).await[2], third);
    let messages = guest.conversation(&id).await["messages"].clone();
    assert_eq!(messages[2]["attachments"][0]["id"], notes);
    let edits = &messages[2]["id"];
    let body =
        json!({ "message": "Then?", "conversationId": id, "edits": edits, "attachments": [] });
    send(&guest, body).await;
    assert_eq!(contents(&world.upstream, 4).await[2], json!("Then?"));
    let messages = guest.conversation(&id).await["messages"].clone();
    assert!(messages[2]["attachments"].is_null(), "{messages}");
}

#[tokio::test]
async fn a_file_that_was_deleted_is_left_out_with_a_note() {
    let world = world(Script::new(["ok"])).await;
    let guest = guest_of(&world).await;
    let image = upload(&guest, "fish.png", &png()).await;
    let notes = upload(&guest, "notes.md", NOTES.as_bytes()).await;
    let id = send_files(&guest, &[&image, &notes]).await;
    for file in [&image, &notes] {
        let path = format!("/api/v1/files/{}", file.as_str().unwrap());
        assert_eq!(guest.delete(&path).await.status, 200);
    }
    let note = |media_type: &str| {
        let what = format!(
            "[A file of type {media_type} that was attached here is left out: it was deleted.]"
        );
        text_part(&what)
    };
    let first = json!([
        note("image/png"),
        note("text/markdown"),
        text_part("What is it?")
    ]);
    send(
        &guest,
        json!({ "message": "And now?", "conversationId": id }),
    )
    .await;
    assert_eq!(contents(&world.upstream, 1).await[0], first);
    let messages = guest.conversation(&id).await["messages"].clone();
    assert_eq!(messages[0]["attachments"][0]["name"], "fish.png");
    // Also in the message whose reply is regenerated.
    let body = json!({ "messageId": messages[1]["id"] })
        .to_string()
        .into_bytes();
    let path = format!("/api/conversations/{id}/regenerate");
    let client = guest.with("content-type", "application/json");
    let reply = client.open("POST", &path, Some(body)).await;
    reply.accepted().await.events().await;
    assert_eq!(contents(&world.upstream, 2).await[0], first);
}

#[tokio::test]
async fn earlier_images_are_left_out_for_a_model_that_takes_none() {
    let upstream = Upstream::start(Script::new(["ok"])).await.unwrap();
    let models = r#"[{"id": "blind", "provider": "openai", "images": false}]"#;
    let app = App::with_defaults()
        .openai(&upstream)
        .variable("models", models);
    let app = app.start().await;
    let guest = app.client().guest().await;
    let image = upload(&guest, "fish.png", &png()).await;
    let id = send_files(&guest, &[&image]).await;
    let body = json!({ "message": "And now?", "conversationId": id, "model": "blind" });
    send(&guest, body).await;
    let note = "[A file of type image/png that was attached here is left out: this model takes no images.]";
    let sent = contents(&upstream, 1).await;
    assert_eq!(sent[0], json!([text_part(note), text_part("What is it?")]));
    // The message that is answered needs a model that takes what it has.
    let messages = guest.conversation(&id).await["messages"].clone();
    let body = json!({ "messageId": messages[1]["id"], "model": "blind" });
    let response = guest
        .post(&format!("/api/conversations/{id}/regenerate"), body)
        .await;
    response.is_error(400, "VALIDATION_ERROR");
    assert!(response.text().contains("blind"), "{response:?}");
}

#[tokio::test]
async fn long_texts_are_cut_and_images_have_a_limit_together() {
    let world = world(Script::new(["ok"])).await;
    let guest = guest_of(&world).await;
    let long = upload(&guest, "long.txt", "ä".repeat(100_001).as_bytes()).await;
    send(
        &guest,
        json!({ "message": "Read.", "model": "gpt-4.1", "attachments": [long] }),
    )
    .await;
    let sent = contents(&world.upstream, 0).await;
    let text = sent[0][0]["text"].as_str().unwrap();
    assert_eq!(text.matches('ä').count(), 100_000);
    assert!(text.contains("only a part of the file: the first 100000 characters"));

    let mut large = png();
    large.truncate(large.len() - b"<script>alert(1)</script>".len() - 12);
    let filler = vec![0_u8; 6 << 20];
    large.extend(u32::try_from(filler.len()).unwrap().to_be_bytes());
    large.extend(b"IDAT");
    large.extend(filler);
    large.extend(b"sum!\0\0\0\0IENDsum!");
    let one = upload(&guest, "one.png", &large).await;
    let two = upload(&guest, "two.png", &large).await;
    let body = json!({ "message": "Look.", "model": "gpt-4o", "attachments": [one, two] });
    let response = guest.post("/api/chat", body).await;
    response
        .is_error(400, "VALIDATION_ERROR")
        .names("attachments[1]");
    // In a later turn the newest images have the room.
    let id = send_files(&guest, &[&one]).await;
    send(
        &guest,
        json!({ "message": "And?", "conversationId": id, "attachments": [two] }),
    )
    .await;
    let sent = contents(&world.upstream, 2).await;
    assert!(
        sent[0][0]["text"]
            .as_str()
            .unwrap()
            .contains("too large together")
    );
    assert_eq!(sent[2][0]["type"], "image_url");
}

#[tokio::test]
async fn hostile_documents_are_400_and_harm_nobody_else() {
    let gate = Gate::default();
    let world = world(Script::words(20).pausing(5, &gate)).await;
    let guest = guest_of(&world).await;
    // A reply that is being written while the documents are read.
    let mut running = guest.ask("Count.").await.accepted().await;
    assert!(running.next_content().await.is_some());
    let deep = "[".repeat(500_000);
    let strings: String = (1..20_000).map(|n| format!("{n} 0 obj (")).collect();
    let encrypted =
        String::from_utf8(pdf("x")).unwrap() + " trailer << /Encrypt 9 0 R /Root 1 0 R >>";
    let circle =
        "%PDF-1.4 1 0 obj << /Pages 1 0 R /Kids [1 0 R] >> endobj trailer << /Root 1 0 R >>";
    let whole = pdf("cut in the middle");
    let documents: [Vec<u8>; 7] = [
        b"%PDF-1.7".to_vec(),
        format!("%PDF-1.4 1 0 obj {deep}").into_bytes(),
        format!("%PDF-1.4 {strings}").into_bytes(),
        encrypted.into_bytes(),
        circle.as_bytes().to_vec(),
        whole[..120].to_vec(),
        [
            b"%PDF-1.4 ".to_vec(),
            (0..=255_u8).cycle().take(100_000).collect(),
        ]
        .concat(),
    ];
    for document in documents {
        let id = upload(&guest, "hostile.pdf", &document).await;
        let body = json!({ "message": "Read.", "model": "gpt-4o", "attachments": [id] });
        let response = guest.post("/api/chat", body).await;
        response
            .is_error(400, "VALIDATION_ERROR")
            .names("attachments[0]");
    }
    gate.open();
    let rest = running.events().await;
    assert!(rest.last().is_some_and(Event::is_done), "{rest:?}");
    assert_eq!(world.upstream.requests().len(), 1);
    let scan = upload(&guest, "scan.pdf", &pdf("")).await;
    let body = json!({ "message": "Read.", "model": "gpt-4o", "attachments": [scan] });
    let response = guest.post("/api/chat", body).await;
    response.is_error(400, "VALIDATION_ERROR");
    assert!(response.text().contains("may be a scan"), "{response:?}");
}

#[tokio::test]
async fn file_names_and_texts_do_not_reach_the_log() {
    let world = world(Script::new(["ok"])).await;
    let guest = guest_of(&world).await;
    let notes = upload(&guest, "marker-name.md", b"marker-text").await;
    let broken = upload(&guest, "marker-broken.pdf", b"%PDF-1.4 marker-text").await;
    send_files(&guest, &[&notes]).await;
    let body = json!({ "message": "Read.", "model": "gpt-4o", "attachments": [broken] });
    guest
        .post("/api/chat", body)
        .await
        .is_error(400, "VALIDATION_ERROR");
    assert!(!world.app.logs().contains("marker"), "{}", world.app.logs());
}

mod ai_sdk {
    use super::*;

    fn request(parts: Value) -> Value {
        json!({
            "id": "chat-of-the-app", "model": "gpt-4o", "trigger": "submit-message",
            "messages": [{ "id": "first", "role": "user", "parts": parts }],
        })
    }

    fn data_part() -> Value {
        let url = format!("data:image/png;base64,{PNG}");
        json!({ "type": "file", "mediaType": "image/png", "filename": "fish.png", "url": url })
    }

    async fn conversation(guest: &Guest) -> Value {
        guest.conversations().await[0].clone()
    }

    async fn stored_files(guest: &Guest) -> Vec<Value> {
        let files = guest.get("/api/v1/files").await.json()["files"].clone();
        files.as_array().unwrap().clone()
    }

    #[tokio::test]
    async fn data_urls_are_stored_as_files_of_the_user_once() {
        let world = world(Script::new(["ok"])).await;
        let guest = guest_of(&world).await;
        let mut body = request(json!([data_part(), text_part("Look.")]));
        guest
            .chat(body.clone())
            .await
            .accepted()
            .await
            .events()
            .await;
        let expected = json!([image_part(), text_part("Look.")]);
        assert_eq!(
            contents(&world.upstream, 0).await,
            std::slice::from_ref(&expected)
        );
        let message = conversation(&guest).await["messages"][0].clone();
        let files = stored_files(&guest).await;
        assert_eq!(files.len(), 1);
        assert_eq!(files[0]["name"], "fish.png");
        assert_eq!(message["attachments"][0]["id"], files[0]["id"]);
        // Sent again, as a retry and to regenerate the reply, it is not stored again.
        guest
            .chat(body.clone())
            .await
            .accepted()
            .await
            .events()
            .await;
        assert_eq!(world.upstream.requests().len(), 1);
        body["trigger"] = json!("regenerate-message");
        guest.chat(body).await.accepted().await.events().await;
        assert_eq!(contents(&world.upstream, 1).await, [expected]);
        assert_eq!(stored_files(&guest).await.len(), 1);
    }

    #[tokio::test]
    async fn uploaded_files_are_named_by_id_and_by_url() {
        let world = world(Script::new(["ok"])).await;
        let guest = guest_of(&world).await;
        let notes = guest.uploaded("notes.md", NOTES.as_bytes()).await;
        let more = upload(&guest, "fish.png", &png()).await;
        let part =
            |url: &Value| json!({ "type": "file", "mediaType": "text/markdown", "url": url });
        let mut body = request(json!([
            part(&notes["url"]),
            part(&notes["id"]),
            text_part("Read.")
        ]));
        body["attachments"] = json!([more]);
        guest.chat(body).await.accepted().await.events().await;
        let notes_part = text_part(&notes_as_sent());
        let expected = json!([notes_part, notes_part, image_part(), text_part("Read.")]);
        assert_eq!(contents(&world.upstream, 0).await, [expected]);
        assert_eq!(stored_files(&guest).await.len(), 2);
    }

    #[tokio::test]
    async fn parts_that_are_invalid_are_400_and_leave_nothing() {
        let world = world(Script::new(["ok"])).await;
        let guest = guest_of(&world).await;
        let archive = "data:application/zip;base64,UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==";
        for url in [
            archive,
            "data:image/png;base64,###",
            "https://elsewhere.example/a.png",
        ] {
            let file = json!({ "type": "file", "mediaType": "image/png", "url": url });
            let body = request(json!([data_part(), file, text_part("Look.")]));
            let response = guest.post("/api/chat", body).await;
            response.is_error(400, "VALIDATION_ERROR");
        }
        assert!(stored_files(&guest).await.is_empty());
        assert!(world.upstream.requests().is_empty());
    }

    #[tokio::test]
    async fn data_beyond_the_storage_of_the_user_is_413_and_leaves_nothing() {
        let upstream = Upstream::start(Script::new(["ok"])).await.unwrap();
        let app = App::with_defaults()
            .openai(&upstream)
            .variable("max_storage_bytes", "150");
        let app = app.start().await;
        let guest = app.client().guest().await;
        let body = request(json!([
            data_part(),
            data_part(),
            data_part(),
            text_part("Look.")
        ]));
        let response = guest.post("/api/chat", body).await;
        response.is_error(413, "PAYLOAD_TOO_LARGE");
        assert!(stored_files(&guest).await.is_empty());
        assert!(guest.conversations().await.is_empty());
    }
}

#[tokio::test]
async fn chats_of_alleato_take_attachments() {
    let world = world(Script::new(["ok"])).await;
    let guest = guest_of(&world).await;
    let notes = upload(&guest, "notes.md", NOTES.as_bytes()).await;
    let response = guest
        .post("/api/v1/chats", json!({ "model": "gpt-4o" }))
        .await;
    let id = response.json()["chat"]["id"].as_str().unwrap().to_owned();
    let body =
        json!({ "messages": [{ "role": "user", "content": "Read.", "attachments": [notes] }] });
    let path = format!("/api/v1/chats/{id}/messages");
    let client = guest.with("content-type", "application/json");
    let reply = client
        .open("POST", &path, Some(body.to_string().into_bytes()))
        .await;
    reply.accepted().await.events().await;
    let expected = json!([text_part(&notes_as_sent()), text_part("Read.")]);
    assert_eq!(contents(&world.upstream, 0).await, [expected]);
    let chat = guest.get(&format!("/api/v1/chats/{id}")).await.json()["chat"].clone();
    assert_eq!(chat["messages"][0]["attachments"][0]["name"], "notes.md");
}
