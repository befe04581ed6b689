//! Readers that do not read: they do not delay others, and take bounded memory.

use futures::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use upstream::{Script, Upstream};

use crate::harness::{App, Event, Guest, eventually, in_time, text_of};

/// Asks for the long reply.
const LONG: &str = "Tell me everything";
const SHORT: usize = 20;
/// Bytes; the least there is, so that the system does not hold the reply in place of the reader.
const RECEIVE_BUFFER: u32 = 2048;

/// A fake with a long reply of that many characters, each an event of its own, and short ones.
async fn provider(characters: usize) -> Upstream {
    Upstream::choosing(
        move |request| match String::from_utf8_lossy(&request.body).contains(LONG) {
            true => Script::new(vec!["x"; characters]),
            false => Script::words(SHORT),
        },
    )
    .await
    .unwrap()
}

/// A reader that has sent its request, and reads only when the test does.
async fn stalled(app: &App, guest: &Guest, path: &str, body: Value) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(RECEIVE_BUFFER).unwrap();
    let mut stream = socket.connect(app.address()).await.unwrap();
    let body = body.to_string();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        guest.token,
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

fn completion(message: &str) -> Value {
    json!({
        "model": "gpt-4o",
        "messages": [{ "role": "user", "content": message }],
        "stream": true,
    })
}

/// Short replies to others, who get them whole.
async fn other_chats_succeed(app: &App) {
    let client = app.client();
    let others = (0..4).map(|number| {
        let client = client.clone();
        async move {
            let guest = client.guest().await;
            let whole: String = (0..SHORT).map(|number| format!("w{number} ")).collect();
            let text = if number % 2 == 0 {
                text_of(&guest.ask("Hi").await.accepted().await.events().await)
            } else {
                let client = guest.with("content-type", "application/json");
                let body = completion("Hi").to_string().into_bytes();
                let path = "/v1/chat/completions";
                let stream = client.open("POST", path, Some(body)).await;
                stream.events().await.iter().filter_map(delta).collect()
            };
            assert_eq!(text, whole);
        }
    });
    join_all(others).await;
}

fn delta(event: &Event) -> Option<String> {
    let chunk: Value = serde_json::from_str(event.data()).ok()?;
    let content = &chunk["choices"][0]["delta"]["content"];
    content.as_str().map(str::to_owned)
}

#[tokio::test]
async fn a_completion_with_a_slow_reader_slows_the_provider() {
    // Some 30 MB on their way here, as events.
    let characters = 120_000;
    let upstream = provider(characters).await;
    let app = App::with_defaults().openai(&upstream).start().await;
    let guest = app.client().guest().await;
    let path = "/v1/chat/completions";
    let mut reader = stalled(&app, &guest, path, completion(LONG)).await;
    let taken = || upstream.requests()[0].tokens_sent;
    upstream.request(0).await;
    // The reply is read until the buffers are full, and then no further, even while other chats run.
    let mut before = 0;
    eventually("a pause of the provider", || {
        let (last, now) = (before, taken());
        before = now;
        let app = &app;
        async move {
            other_chats_succeed(app).await;
            (now > 0 && now == last).then_some(())
        }
    })
    .await;
    let held = taken();
    assert!(
        held < characters,
        "the whole reply was read without a reader"
    );
    // The reply continues as soon as the client reads.
    let mut buffer = vec![0; 64 * 1024];
    in_time("more of the reply", async {
        while taken() == held {
            assert!(reader.read(&mut buffer).await.unwrap() > 0);
        }
    })
    .await;
    // It ends when the client disconnects.
    drop(reader);
    assert!(upstream.closed_early(0).await);
}

#[tokio::test]
async fn a_chat_with_a_stalled_reader_is_stored_in_full() {
    // As events, this is more than the system's buffers and the megabyte that is buffered for a reader.
    let characters = 120_000;
    let upstream = provider(characters).await;
    let app = App::with_defaults().openai(&upstream).start().await;
    let guest = app.client().guest().await;
    let body = json!({ "message": LONG, "model": "gpt-4o" });
    let mut reader = stalled(&app, &guest, "/api/chat", body).await;
    let reply = eventually("the stored reply", || async {
        other_chats_succeed(&app).await;
        let conversations = guest.conversations().await;
        let reply = &conversations.first()?["messages"][1];
        (reply["status"] == "complete").then(|| reply.clone())
    })
    .await;
    assert_eq!(reply["content"].as_str().unwrap().len(), characters);
    // The reader gets what was sent, but no end of the response, since the response is incomplete.
    let mut got = Vec::new();
    let _ = in_time("the end", reader.read_to_end(&mut got)).await;
    let got = String::from_utf8_lossy(&got);
    assert!(got.starts_with("HTTP/1.1 200"), "{:?}", got.get(..200));
    assert!(got.contains("event: conversation"));
    assert!(!got.contains("[DONE]"));
}
