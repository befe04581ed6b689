//! goldfish's own events of a reply.

use contracts::conversations::{turns::ReplyInfo, types::EvictedConversation};
use http_edge::ApiError;
use serde::Serialize;
use sse::Encoder;

use crate::{
    evicted::{self, Evicted},
    json::json,
    reply_end::ReplyEnd,
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Conversation<'a> {
    conversation_id: &'a str,
    message_id: &'a str,
    title: &'a str,
    model: &'a str,
    evicted: &'a [Evicted<'a>],
    content: &'static str,
}

#[derive(Serialize)]
struct Content<'a> {
    content: &'a str,
}

#[derive(Serialize)]
struct Reasoning<'a> {
    reasoning: &'a str,
    offset: usize,
    content: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UsageView<'a> {
    prompt_tokens: u32,
    completion_tokens: u32,
    model: &'a str,
    content: &'static str,
}

/// The content of the named events. Simple clients append the `content` of every `data:` line without
/// a look at the event's name.
const NO_CONTENT: &str = "";

/// The first event: where the reply is stored.
pub(crate) fn conversation(info: &ReplyInfo, model: &str) -> Vec<u8> {
    let mut out = Encoder::new();
    evicted(&mut out, info, model, &[]);
    out.take()
}

/// The same event once more, with the conversations that were evicted for the reply.
pub(crate) fn evicted(
    out: &mut Encoder,
    info: &ReplyInfo,
    model: &str,
    evicted: &[EvictedConversation],
) {
    let data = json(&Conversation {
        conversation_id: &info.conversation_id,
        message_id: &info.message_id,
        title: &info.title,
        model,
        evicted: &evicted::views(evicted),
        content: NO_CONTENT,
    });
    out.event("conversation").data(&data);
}

/// A delta of the reply, with its number.
pub(crate) fn content(out: &mut Encoder, number: u64, content: &str) {
    out.id(&number.to_string())
        .data(&json(&Content { content }));
}

/// A delta of what the model thinks before it replies. It has no number: who resumes the stream gets the reasoning from
/// its beginning, and `offset` says where it belongs, in UTF-16 units.
pub(crate) fn reasoning(out: &mut Encoder, offset: usize, reasoning: &str) {
    let data = json(&Reasoning {
        reasoning,
        offset,
        content: NO_CONTENT,
    });
    out.event("reasoning").data(&data);
}

/// The last events: usage, the error if there is one, and `[DONE]`.
pub(crate) fn end(end: &ReplyEnd<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some((prompt, completion)) = end.usage {
        bytes.extend(usage(prompt, completion, end.model));
    }
    if let Some((cause, request_id)) = end.error {
        bytes.extend(error(cause, request_id));
    }
    bytes.extend(done());
    bytes
}

fn usage(prompt_tokens: u32, completion_tokens: u32, model: &str) -> Vec<u8> {
    named(
        "usage",
        &json(&UsageView {
            prompt_tokens,
            completion_tokens,
            model,
            content: NO_CONTENT,
        }),
    )
}

/// The error object that is also the body of an error response, with empty content.
fn error(error: &ApiError, request_id: &str) -> Vec<u8> {
    let body = error.body(request_id);
    let body = String::from_utf8_lossy(&body);
    let data = match body.strip_suffix('}') {
        Some(fields) => format!("{fields},\"content\":\"\"}}"),
        None => body.into_owned(),
    };
    named("error", &data)
}

fn done() -> Vec<u8> {
    Encoder::new().data("[DONE]").take()
}

fn named(name: &str, data: &str) -> Vec<u8> {
    Encoder::new().event(name).data(data).take()
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::conversations::turns::Outcome;

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn events_equal_the_documented_bytes() {
        let info = ReplyInfo {
            conversation_id: "c".into(),
            message_id: "m".into(),
            title: "Hi\nthere".into(),
        };
        assert_eq!(
            text(conversation(&info, "gpt-4o")),
            "event: conversation\ndata: {\"conversationId\":\"c\",\"messageId\":\"m\",\
             \"title\":\"Hi\\nthere\",\"model\":\"gpt-4o\",\"evicted\":[],\"content\":\"\"}\n\n"
        );
        let mut out = Encoder::new();
        let gone = EvictedConversation {
            id: "e".into(),
            title: "T".into(),
        };
        evicted(&mut out, &info, "m", &[gone]);
        let again = text(out.take());
        assert!(again.contains(r#""evicted":[{"id":"e","title":"T"}],"content":"""#));
        let mut out = Encoder::new();
        content(&mut out, 1, "Hello");
        content(&mut out, 2, " \"there\"\n");
        assert_eq!(
            text(out.take()),
            "id: 1\ndata: {\"content\":\"Hello\"}\n\n\
             id: 2\ndata: {\"content\":\" \\\"there\\\"\\n\"}\n\n"
        );
        let mut out = Encoder::new();
        reasoning(&mut out, 7, "Hm.\n");
        assert_eq!(
            text(out.take()),
            "event: reasoning\ndata: {\"reasoning\":\"Hm.\\n\",\"offset\":7,\"content\":\"\"}\n\n"
        );
        assert_eq!(
            text(usage(12, 2, "gpt-4o")),
            "event: usage\ndata: {\"promptTokens\":12,\"completionTokens\":2,\"model\":\"gpt-4o\",\
             \"content\":\"\"}\n\n"
        );
        let bytes = end(&ReplyEnd {
            outcome: Outcome::Complete,
            reason: None,
            usage: Some((1, 2)),
            model: "m",
            error: None,
        });
        assert!(text(bytes).ends_with("\"model\":\"m\",\"content\":\"\"}\n\ndata: [DONE]\n\n"));
        let error = text(error(
            &ApiError::ProviderTimeout(http_edge::Cause::new("x")),
            "r",
        ));
        assert!(error.starts_with("event: error\ndata: {\"error\":"));
        assert!(error.ends_with(",\"content\":\"\"}\n\n"), "{error}");
    }
}
