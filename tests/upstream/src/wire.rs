//! The providers' wire formats, as their public documentation and recorded answers show them.

use crate::script::{Ending, Failure, Script};
use serde_json::{Value, json};

/// Which provider a path belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Chat completions and embeddings of OpenAI's API.
    OpenAi,
    /// Responses of OpenAI's API.
    OpenAiResponses,
    Anthropic,
    WorkersAi,
}

impl Format {
    /// The format a path asks for, or `None` for a path no provider has.
    pub(crate) fn of_path(path: &str) -> Option<Self> {
        let path = path.split('?').next().unwrap_or(path);
        if path.ends_with("/chat/completions") || path.ends_with("/embeddings") {
            Some(Self::OpenAi)
        } else if path.ends_with("/responses") {
            Some(Self::OpenAiResponses)
        } else if path.ends_with("/v1/messages") || path.ends_with("/v1/messages/count_tokens") {
            Some(Self::Anthropic)
        } else if path.contains("/ai/run/") || path.contains("/workers-ai/") {
            Some(Self::WorkersAi)
        } else {
            None
        }
    }

    fn event(self, name: &str, data: &str) -> String {
        match self {
            Self::Anthropic | Self::OpenAiResponses => {
                format!("event: {name}\ndata: {data}\n\n")
            }
            Self::OpenAi | Self::WorkersAi => format!("data: {data}\n\n"),
        }
    }

    /// What comes before the first token.
    pub(crate) fn opening(self, script: &Script, model: &str) -> String {
        match self {
            Self::OpenAi => self.event(
                "",
                &openai_chunk(
                    model,
                    json!({"role": "assistant", "content": "", "refusal": null}),
                    Value::Null,
                ),
            ),
            Self::OpenAiResponses => {
                let created = response(script, model, "in_progress", json!([]));
                [
                    ("response.created", json!({"response": created})),
                    ("response.in_progress", json!({"response": created})),
                    (
                        "response.output_item.added",
                        json!({"output_index": 0, "item": output_message("in_progress", json!([]))}),
                    ),
                    (
                        "response.content_part.added",
                        json!({"item_id": OUTPUT_MESSAGE_ID, "output_index": 0, "content_index": 0, "part": output_text("")}),
                    ),
                ]
                .into_iter()
                .enumerate()
                .map(|(number, (kind, members))| self.response_event(kind, number, members))
                .collect()
            }
            Self::WorkersAi if script.openai_shaped => self.event(
                "",
                &openai_chunk(
                    model,
                    json!({"role": "assistant", "content": ""}),
                    Value::Null,
                ),
            ),
            Self::WorkersAi => String::new(),
            Self::Anthropic => {
                let prompt = script.usage.map_or(0, |(prompt, _)| prompt);
                let mut message = json!({
                    "id": "msg_013Zva2CMHLNnXjNJJKqJ2EF", "type": "message", "role": "assistant", "model": model,
                    "content": [], "stop_reason": null, "stop_sequence": null,
                });
                if script.usage.is_some() {
                    put(
                        &mut message,
                        "usage",
                        json!({
                            "input_tokens": prompt, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
                            "output_tokens": 1, "service_tier": "standard",
                        }),
                    );
                }
                let mut text = self.event(
                    "message_start",
                    &json!({"type": "message_start", "message": message}).to_string(),
                );
                text += &self.event(
                    "content_block_start",
                    &json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}).to_string(),
                );
                text + &self.event("ping", r#"{"type": "ping"}"#)
            }
        }
    }

    /// One token.
    pub(crate) fn token(self, script: &Script, model: &str, token: &str, number: usize) -> String {
        match self {
            Self::OpenAi => self.event("", &openai_chunk(model, json!({"content": token}), Value::Null)),
            Self::OpenAiResponses => self.response_event(
                "response.output_text.delta",
                OPENING_EVENTS + number,
                json!({"item_id": OUTPUT_MESSAGE_ID, "output_index": 0, "content_index": 0, "delta": token, "logprobs": [], "obfuscation": "xJ2"}),
            ),
            Self::WorkersAi if script.openai_shaped => self.event("", &openai_chunk(model, json!({"content": token}), Value::Null)),
            // `p` is padding of varying length, against guessing tokens by their size.
            Self::WorkersAi => {
                let padding: String = "abdefghijklmnopqrstuvwxyz0123456789".chars().take(number % 36).collect();
                self.event("", &json!({"response": token, "p": padding}).to_string())
            }
            Self::Anthropic => self.event(
                "content_block_delta",
                &json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": token}}).to_string(),
            ),
        }
    }

    /// What comes after the last token: the reason, usage, and the end's own event.
    pub(crate) fn closing(self, script: &Script, model: &str) -> String {
        let mut text = String::new();
        match self {
            Self::Anthropic => {
                text += &self.event(
                    "content_block_stop",
                    r#"{"type":"content_block_stop","index":0}"#,
                );
                let reason = match script.ending {
                    Ending::Stop => Some("end_turn"),
                    Ending::Length => Some("max_tokens"),
                    Ending::ContentFilter => Some("refusal"),
                    Ending::Missing => None,
                };
                if let Some(reason) = reason {
                    let mut delta = json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null}});
                    if let Some((_, completion)) = script.usage {
                        put(&mut delta, "usage", json!({"output_tokens": completion}));
                    }
                    text += &self.event("message_delta", &delta.to_string());
                }
                if script.done {
                    text += &self.event("message_stop", r#"{"type":"message_stop"}"#);
                }
            }
            Self::OpenAiResponses => {
                let content: String = script.tokens.concat();
                let part = output_text(&content);
                let item = output_message("completed", json!([part]));
                let (last, status) = match script.ending {
                    Ending::Stop => ("response.completed", "completed"),
                    Ending::Length | Ending::ContentFilter => ("response.incomplete", "incomplete"),
                    Ending::Missing => return text,
                };
                let ended = response(script, model, status, json!([item]));
                let first = OPENING_EVENTS + script.tokens.len();
                let events = [
                    (
                        "response.output_text.done",
                        json!({"item_id": OUTPUT_MESSAGE_ID, "output_index": 0, "content_index": 0, "text": content, "logprobs": []}),
                    ),
                    (
                        "response.content_part.done",
                        json!({"item_id": OUTPUT_MESSAGE_ID, "output_index": 0, "content_index": 0, "part": part}),
                    ),
                    (
                        "response.output_item.done",
                        json!({"output_index": 0, "item": item}),
                    ),
                    (last, json!({"response": ended})),
                ];
                for (number, (kind, members)) in events.into_iter().enumerate() {
                    text += &self.response_event(kind, first + number, members);
                }
            }
            Self::WorkersAi if !script.openai_shaped => {
                if let Some((prompt, completion)) = script.usage {
                    text += &self.event(
                        "",
                        &json!({"response": "", "usage": {
                            "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt.saturating_add(completion),
                        }})
                        .to_string(),
                    );
                }
                if script.done {
                    text += &self.event("", "[DONE]");
                }
            }
            Self::OpenAi | Self::WorkersAi => {
                let reason = match script.ending {
                    Ending::Stop => Some("stop"),
                    Ending::Length => Some("length"),
                    Ending::ContentFilter => Some("content_filter"),
                    Ending::Missing => None,
                };
                if let Some(reason) = reason {
                    text += &self.event("", &openai_chunk(model, json!({}), json!(reason)));
                }
                if let Some((prompt, completion)) = script.usage {
                    let usage = openai_usage(model, prompt, completion, script.cached);
                    text += &self.event("", &usage);
                }
                if script.done {
                    text += &self.event("", "[DONE]");
                }
            }
        }
        text
    }

    /// An event of a streamed response of OpenAI's Responses API.
    fn response_event(self, kind: &str, number: usize, members: Value) -> String {
        let mut event = json!({"type": kind, "sequence_number": number});
        if let (Some(event), Value::Object(members)) = (event.as_object_mut(), members) {
            event.extend(members);
        }
        self.event(kind, &event.to_string())
    }

    /// The error event of a stream that fails on its way.
    pub(crate) fn error_event(self) -> String {
        match self {
            Self::OpenAi => self.event(
                "",
                &json!({"error": {
                    "message": "The server had an error while processing your request. Sorry about that!",
                    "type": "server_error", "param": null, "code": null,
                }})
                .to_string(),
            ),
            Self::OpenAiResponses => self.event(
                "error",
                &json!({
                    "type": "error", "sequence_number": OPENING_EVENTS, "code": "server_error", "param": null,
                    "message": "The server had an error while processing your request. Sorry about that!",
                })
                .to_string(),
            ),
            Self::Anthropic => {
                self.event("error", r#"{"type": "error", "error": {"details": null, "type": "overloaded_error", "message": "Overloaded"}}"#)
            }
            Self::WorkersAi => self.event(
                "",
                &json!({"errors": [{"code": 3040, "message": "AiError: Capacity temporarily exceeded, please try again."}], "success": false, "result": {}, "messages": []})
                    .to_string(),
            ),
        }
    }

    /// Status, `Retry-After` and JSON body of a refusal.
    pub(crate) fn refusal(self, failure: &Failure, model: &str) -> (u16, Option<String>, Value) {
        let retry_after = match failure {
            Failure::RateLimited(after) | Failure::Overloaded(after) => after.clone(),
            _ => None,
        };
        let (status, body) = match self {
            Self::OpenAi | Self::OpenAiResponses => openai_refusal(failure, model),
            Self::Anthropic => anthropic_refusal(failure, model),
            Self::WorkersAi => workers_ai_refusal(failure, model),
        };
        (status, retry_after, body)
    }
}

/// Events of a response before its first token.
const OPENING_EVENTS: usize = 4;

const OUTPUT_MESSAGE_ID: &str = "msg_68a5c1d27f1c81959d1b6f5d6c9a4b11";

/// A response of OpenAI's Responses API.
fn response(script: &Script, model: &str, status: &str, output: Value) -> Value {
    let usage = script.usage.filter(|_| status != "in_progress");
    let incomplete = match script.ending {
        Ending::Length => json!({"reason": "max_output_tokens"}),
        Ending::ContentFilter => json!({"reason": "content_filter"}),
        Ending::Stop | Ending::Missing => Value::Null,
    };
    json!({
        "id": "resp_68a5c1d1e0a88195a2a7c2b6f3d8e0f7", "object": "response", "created_at": 1_763_690_000,
        "status": status, "background": false, "error": null,
        "incomplete_details": if status == "incomplete" { incomplete } else { Value::Null },
        "instructions": null, "max_output_tokens": null, "model": model, "output": output,
        "parallel_tool_calls": true, "previous_response_id": null, "reasoning": {"effort": null, "summary": null},
        "service_tier": "default", "store": false, "temperature": 1.0, "text": {"format": {"type": "text"}},
        "tool_choice": "auto", "tools": [], "top_p": 1.0, "truncation": "disabled",
        "usage": usage.map(|(prompt, completion)| json!({
            "input_tokens": prompt, "input_tokens_details": {"cached_tokens": script.cached},
            "output_tokens": completion, "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": prompt.saturating_add(completion),
        })),
        "user": null, "metadata": {},
    })
}

fn output_message(status: &str, content: Value) -> Value {
    json!({"id": OUTPUT_MESSAGE_ID, "type": "message", "status": status, "role": "assistant", "content": content})
}

fn output_text(text: &str) -> Value {
    json!({"type": "output_text", "annotations": [], "logprobs": [], "text": text})
}

fn put(object: &mut Value, key: &str, value: Value) {
    if let Some(map) = object.as_object_mut() {
        map.insert(key.to_owned(), value);
    }
}

fn openai_chunk(model: &str, delta: Value, finish_reason: Value) -> String {
    json!({
        "id": "chatcmpl-BzNQ1lP8bOE3aKuVRDLx5vUt2yQmw", "object": "chat.completion.chunk", "created": 1_763_690_000,
        "model": model, "service_tier": "default", "system_fingerprint": "fp_07871e2ad8",
        "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason}],
        "usage": null, "obfuscation": "xJ2",
    })
    .to_string()
}

fn openai_usage(model: &str, prompt: u32, completion: u32, cached: u32) -> String {
    json!({
        "id": "chatcmpl-BzNQ1lP8bOE3aKuVRDLx5vUt2yQmw", "object": "chat.completion.chunk", "created": 1_763_690_000,
        "model": model, "service_tier": "default", "system_fingerprint": "fp_07871e2ad8", "choices": [],
        "usage": {
            "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt.saturating_add(completion),
            "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0},
        },
    })
    .to_string()
}

fn openai_refusal(failure: &Failure, model: &str) -> (u16, Value) {
    let error = |message: String, kind: &str, param: Value, code: Value| json!({"error": {"message": message, "type": kind, "param": param, "code": code}});
    match failure {
        Failure::BadKey => (
            401,
            error(
                "Incorrect API key provided: sk-test********cret. You can find your API key at https://platform.openai.com/account/api-keys.".into(),
                "invalid_request_error",
                Value::Null,
                json!("invalid_api_key"),
            ),
        ),
        Failure::UnknownModel => (
            404,
            error(
                format!("The model `{model}` does not exist or you do not have access to it."),
                "invalid_request_error",
                Value::Null,
                json!("model_not_found"),
            ),
        ),
        Failure::ContextTooLong => (
            400,
            error(
                "This model's maximum context length is 128000 tokens. However, your messages resulted in 130012 tokens. Please reduce the length of the messages.".into(),
                "invalid_request_error",
                json!("messages"),
                json!("context_length_exceeded"),
            ),
        ),
        Failure::ContentFiltered => (
            400,
            error(
                "The response was filtered due to the prompt triggering content management policy.".into(),
                "invalid_request_error",
                json!("prompt"),
                json!("content_filter"),
            ),
        ),
        Failure::InvalidRequest => (
            400,
            error(
                "Unsupported value: 'temperature' does not support 1.7 with this model. Only the default (1) value is supported.".into(),
                "invalid_request_error",
                json!("temperature"),
                json!("unsupported_value"),
            ),
        ),
        Failure::RateLimited(_) => (
            429,
            error(
                "Rate limit reached for gpt-4o in organization org-abc on requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in 20s.".into(),
                "requests",
                Value::Null,
                json!("rate_limit_exceeded"),
            ),
        ),
        Failure::Overloaded(_) => (503, error("The engine is currently overloaded, please try again later".into(), "server_error", Value::Null, Value::Null)),
        Failure::Internal => (500, error("The server had an error while processing your request. Sorry about that!".into(), "server_error", Value::Null, Value::Null)),
    }
}

fn anthropic_refusal(failure: &Failure, model: &str) -> (u16, Value) {
    let error = |kind: &str, message: &str| json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy"});
    match failure {
        Failure::BadKey => (401, error("authentication_error", "invalid x-api-key")),
        Failure::UnknownModel => (404, error("not_found_error", &format!("model: {model}"))),
        Failure::ContextTooLong => (
            400,
            error(
                "invalid_request_error",
                "prompt is too long: 212345 tokens > 200000 maximum",
            ),
        ),
        Failure::ContentFiltered => (
            400,
            error(
                "invalid_request_error",
                "Output blocked by content filtering policy",
            ),
        ),
        Failure::InvalidRequest => (
            400,
            error("invalid_request_error", "temperature: range: 0..1"),
        ),
        Failure::RateLimited(_) => (
            429,
            error(
                "rate_limit_error",
                "This request would exceed your organization's rate limit of 50 requests per minute.",
            ),
        ),
        Failure::Overloaded(_) => (529, error("overloaded_error", "Overloaded")),
        Failure::Internal => (500, error("api_error", "Internal server error")),
    }
}

fn workers_ai_refusal(failure: &Failure, model: &str) -> (u16, Value) {
    let error = |code: u32, message: &str| json!({"errors": [{"message": message, "code": code}], "success": false, "result": {}, "messages": []});
    match failure {
        Failure::BadKey => (401, error(10000, "Authentication error")),
        Failure::UnknownModel => (400, error(5007, &format!("No such model {model} or task"))),
        Failure::ContextTooLong => (
            413,
            error(
                5021,
                "AiError: The estimated number of input and maximum output tokens (9012) exceeded this model context window limit (7968).",
            ),
        ),
        Failure::ContentFiltered => (
            424,
            json!({"success": false, "result": [], "messages": [], "error": [{"code": 2016, "message": "Prompt blocked due to security configurations"}]}),
        ),
        Failure::InvalidRequest => (
            400,
            error(
                5006,
                "Error: oneOf at '/' not met, 0 matches: required properties at '/' are 'prompt'",
            ),
        ),
        Failure::RateLimited(_) => (
            429,
            error(
                3036,
                "you have used up your daily free allocation of 10,000 neurons",
            ),
        ),
        Failure::Overloaded(_) => (
            503,
            error(
                3040,
                "AiError: Capacity temporarily exceeded, please try again.",
            ),
        ),
        Failure::Internal => (500, error(3043, "AiError: Internal server error")),
    }
}
