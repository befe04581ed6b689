//! The events of a reply, as bytes.

use contracts::conversations::turns::ReplyInfo;
use http_edge::ApiError;
use serde::Serialize;
use sse::Encoder;

use crate::wire::Ending;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Conversation<'a> {
    conversation_id: &'a str,
    message_id: &'a str,
    title: &'a str,
    model: &'a str,
}

#[derive(Serialize)]
struct Content<'a> {
    content: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UsageView<'a> {
    prompt_tokens: u32,
    completion_tokens: u32,
    model: &'a str,
}

/// What is being answered, and where it will be found.
pub(crate) fn conversation(started: &ReplyInfo, model: &str) -> Vec<u8> {
    named(
        "conversation",
        &json(&Conversation {
            conversation_id: &started.conversation_id,
            message_id: &started.message_id,
            title: &started.title,
            model,
        }),
    )
}

/// A piece of the reply, with its number in the stream; the length of its text in JSON.
pub(crate) fn content(out: &mut Encoder, number: u64, content: &str) -> usize {
    let data = json(&Content { content });
    out.id(&number.to_string()).data(&data);
    data.len().saturating_sub(r#"{"content":""}"#.len())
}

/// What the reply took, why it broke off, and that nothing more comes.
pub(crate) fn ending(ending: &Ending<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some((prompt, completion)) = ending.usage {
        bytes.extend(usage(prompt, completion, ending.model));
    }
    if let Some((cause, request_id)) = ending.error {
        bytes.extend(error(cause, request_id));
    }
    bytes.extend(done());
    bytes
}

/// What the reply took, and who answered.
fn usage(prompt_tokens: u32, completion_tokens: u32, model: &str) -> Vec<u8> {
    named(
        "usage",
        &json(&UsageView {
            prompt_tokens,
            completion_tokens,
            model,
        }),
    )
}

/// Why the reply broke off: the error object of any other answer.
fn error(error: &ApiError, request_id: &str) -> Vec<u8> {
    named("error", &String::from_utf8_lossy(&error.body(request_id)))
}

/// The last event of every reply.
fn done() -> Vec<u8> {
    Encoder::new().data("[DONE]").take()
}

/// No event, but a sign of life.
pub(crate) fn keep_alive() -> Vec<u8> {
    Encoder::new().comment("keep-alive").take()
}

fn named(name: &str, data: &str) -> Vec<u8> {
    Encoder::new().event(name).data(data).take()
}

/// Strings and numbers: this cannot fail, and an empty object is better than a panic.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "{}".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::conversations::turns::Outcome;

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn events_are_as_promised() {
        let started = ReplyInfo {
            conversation_id: "c".into(),
            message_id: "m".into(),
            title: "Hi\nthere".into(),
        };
        assert_eq!(
            text(conversation(&started, "gpt-4o")),
            "event: conversation\ndata: {\"conversationId\":\"c\",\"messageId\":\"m\",\
             \"title\":\"Hi\\nthere\",\"model\":\"gpt-4o\"}\n\n"
        );
        let mut out = Encoder::new();
        content(&mut out, 1, "Hello");
        content(&mut out, 2, " \"there\"\n");
        assert_eq!(
            text(out.take()),
            "id: 1\ndata: {\"content\":\"Hello\"}\n\n\
             id: 2\ndata: {\"content\":\" \\\"there\\\"\\n\"}\n\n"
        );
        assert_eq!(
            text(usage(12, 2, "gpt-4o")),
            "event: usage\ndata: {\"promptTokens\":12,\"completionTokens\":2,\"model\":\"gpt-4o\"}\n\n"
        );
        let ending = ending(&Ending {
            outcome: Outcome::Complete,
            reason: None,
            usage: Some((1, 2)),
            model: "m",
            error: None,
        });
        assert!(text(ending).ends_with("\"model\":\"m\"}\n\ndata: [DONE]\n\n"));
        assert_eq!(text(keep_alive()), ": keep-alive\n\n");
        assert!(
            text(error(&ApiError::ProviderTimeout, "r"))
                .starts_with("event: error\ndata: {\"error\":")
        );
    }
}
