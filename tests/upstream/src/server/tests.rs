use super::*;
use crate::{Ending, Failure, Fault, RawResponse};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn request(path: &str, message: &str) -> String {
    let body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": message}], "stream": true}).to_string();
    format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Sends a request and gives what comes until `enough` or the end.
async fn exchange(upstream: &Upstream, request: &str, enough: &str) -> String {
    let mut socket = TcpStream::connect(upstream.address()).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&response).into_owned();
        if text.contains(enough)
            || tokio::time::timeout(PATIENCE, socket.read_buf(&mut response))
                .await
                .unwrap()
                .unwrap()
                == 0
        {
            return text;
        }
    }
}

/// The body of a chunked response.
fn unchunked(response: &str) -> String {
    let (_, mut rest) = response.split_once("\r\n\r\n").unwrap();
    let mut body = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            break;
        }
        body += after.get(..size).unwrap();
        rest = after.get(size + 2..).unwrap();
    }
    body
}

#[tokio::test]
async fn each_path_has_its_format() {
    let upstream = Upstream::start(Script::new(["Hel", "lo"]).ending(Ending::Length))
        .await
        .unwrap();
    for (path, token, end) in [
        ("/v1/chat/completions", r#""content":"Hel""#, "[DONE]"),
        ("/v1/messages", r#""text":"Hel""#, "message_stop"),
        (
            "/client/v4/accounts/a/ai/run/@cf/meta/llama-3-8b-instruct",
            r#""response":"Hel""#,
            "[DONE]",
        ),
        (
            "/v1/account/gateway/workers-ai/@cf/meta/llama-3-8b-instruct",
            r#""response":"Hel""#,
            "[DONE]",
        ),
    ] {
        let body = unchunked(&exchange(&upstream, &request(path, "hi"), "0\r\n\r\n").await);
        assert!(body.contains(token) && body.contains(end), "{path}: {body}");
    }
    assert_eq!(upstream.finished(), 4);
    assert_eq!(upstream.open(), 0);
    let recorded = upstream.request(0).await;
    assert_eq!(recorded.header("host"), Some("x"));
    assert_eq!(recorded.json()["model"], "gpt-4o");
    assert_eq!(
        (recorded.outcome, recorded.tokens_sent),
        (Outcome::Complete, 2)
    );
}

#[tokio::test]
async fn a_split_changes_nothing_but_the_pieces() {
    let upstream = Upstream::start(Script::new(["a", "b"])).await.unwrap();
    upstream.push(Script::new(["a", "b"]).split(3).comments());
    let split = exchange(
        &upstream,
        &request("/v1/chat/completions", "hi"),
        "\r\n0\r\n\r\n",
    )
    .await;
    let whole = exchange(
        &upstream,
        &request("/v1/chat/completions", "hi"),
        "\r\n0\r\n\r\n",
    )
    .await;
    assert_eq!(
        unchunked(&split).replace(": keep-alive\n:\n\n", ""),
        unchunked(&whole)
    );
    assert!(split.contains("\r\n3\r\n"));
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed_even_in_silence() {
    let upstream = Upstream::start(Script::words(3).fault(Fault::HangAfter(1)))
        .await
        .unwrap();
    exchange(&upstream, &request("/v1/chat/completions", "hi"), "w0 ").await;
    assert!(upstream.closed_early(0).await);
    assert_eq!(upstream.request(0).await.tokens_sent, 1);
}

#[tokio::test]
async fn refusals_have_their_status_and_headers() {
    let upstream = Upstream::start(Script::words(1)).await.unwrap();
    upstream.push(Script::refuse(Failure::RateLimited(Some("7".to_owned()))));
    upstream.push(Script::refuse(Failure::Overloaded(None)));
    let limited = exchange(&upstream, &request("/v1/chat/completions", "hi"), "}}").await;
    assert!(
        limited.starts_with("HTTP/1.1 429 ")
            && limited.contains("retry-after: 7\r\n")
            && limited.contains("rate_limit_exceeded")
    );
    let overloaded = exchange(
        &upstream,
        &request("/v1/messages", "hi"),
        "overloaded_error",
    )
    .await;
    assert!(
        overloaded.starts_with("HTTP/1.1 529 ") && overloaded.contains("overloaded_error"),
        "{overloaded}"
    );
}

#[tokio::test]
async fn models_are_listed_and_other_paths_are_not_found() {
    let upstream = Upstream::start(Script::words(1)).await.unwrap();
    let list = exchange(&upstream, "GET /v1/models HTTP/1.1\r\n\r\n", "]}").await;
    assert!(list.contains(MODELS[0]));
    let missing = exchange(&upstream, &request("/nowhere", "hi"), "}}").await;
    assert!(missing.starts_with("HTTP/1.1 404 "));
    assert!(upstream.requests().is_empty());
}

#[tokio::test]
async fn exact_answer_has_the_given_bytes() {
    let upstream = Upstream::start(Script::new(["x"])).await.unwrap();
    let response = RawResponse::events(["a"])
        .then("bc")
        .split(1)
        .status(418)
        .content_type(None)
        .header("x-y", "z");
    upstream.push(response.into());
    let text = exchange(
        &upstream,
        &request("/v1/chat/completions", "Hi"),
        "0\r\n\r\n",
    )
    .await;
    assert!(text.starts_with("HTTP/1.1 418"), "{text}");
    assert!(
        text.contains("x-y: z\r\n") && !text.contains("content-type"),
        "{text}"
    );
    assert_eq!(unchunked(&text), "data: a\n\nbc");
    upstream.push(RawResponse::events(["a"]).cut().into());
    let text = exchange(&upstream, &request("/v1/chat/completions", "Hi"), "never").await;
    assert!(text.ends_with("data: a\n\n\r\n"), "{text}");
}
