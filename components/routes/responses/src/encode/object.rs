//! The response object, with all its members.

use contracts::llm::types::{Completion, FinishReason, Usage};
use http_edge::ApiError;
use serde_json::{Map, Value, json};
use unix_time::now_seconds;
use uuid::Uuid;

use crate::request::Echo;

/// The common fields of all objects of one response.
pub(super) struct Label {
    pub(super) id: String,
    /// Seconds since 1970-01-01T00:00:00Z.
    created_at: u64,
    /// The model that replies. Until it is known, the requested one.
    pub(super) model: String,
}

/// How a response ended, or that it has not.
pub(super) struct End {
    status: &'static str,
    error: Value,
    incomplete_details: Value,
    usage: Value,
    completed_at: Value,
}

impl End {
    pub(super) fn in_progress() -> Self {
        Self {
            status: "in_progress",
            error: Value::Null,
            incomplete_details: Value::Null,
            usage: Value::Null,
            completed_at: Value::Null,
        }
    }

    pub(super) fn of(completion: &Completion) -> Self {
        let usage = usage(&completion.usage);
        match incomplete_reason(completion) {
            Some(reason) => Self {
                status: "incomplete",
                incomplete_details: json!({ "reason": reason }),
                usage,
                ..Self::in_progress()
            },
            None => Self {
                status: "completed",
                usage,
                completed_at: now_seconds().into(),
                ..Self::in_progress()
            },
        }
    }

    pub(super) fn failed(error: &ApiError) -> Self {
        let public = error.public();
        let code = match (error, public.status) {
            (ApiError::ProtocolError(own), _) => own.code,
            (ApiError::ContextTooLong, _) => "context_length_exceeded",
            (_, 503) => "rate_limit_exceeded",
            (_, 400) => "invalid_prompt",
            _ => "server_error",
        };
        Self {
            status: "failed",
            error: json!({"code": code, "message": public.sentence}),
            ..Self::in_progress()
        }
    }
}

/// Whether the model's output is complete.
pub(super) fn is_complete(completion: &Completion) -> bool {
    incomplete_reason(completion).is_none()
}

fn incomplete_reason(completion: &Completion) -> Option<&'static str> {
    match completion.finish_reason {
        FinishReason::Length => Some("max_output_tokens"),
        FinishReason::ContentFilter => Some("content_filter"),
        FinishReason::Stop | FinishReason::ToolCalls | FinishReason::Other(_) => None,
    }
}

impl Label {
    /// The label of a response that begins now.
    pub(super) fn new(model: String) -> Self {
        Self {
            id: format!("resp_{}", Uuid::new_v4().simple()),
            created_at: now_seconds(),
            model,
        }
    }

    /// The object.
    pub(super) fn response(&self, echo: &Echo, output: Vec<Value>, end: &End) -> Value {
        let mut response = Map::new();
        let mut set = |name: &str, value: Value| response.insert(name.to_owned(), value);
        set("id", json!(self.id));
        set("object", json!("response"));
        set("created_at", json!(self.created_at));
        set("completed_at", end.completed_at.clone());
        set("status", json!(end.status));
        set("error", end.error.clone());
        set("incomplete_details", end.incomplete_details.clone());
        set("model", json!(self.model));
        set("output", Value::Array(output));
        set("usage", end.usage.clone());
        response.extend(echo.fields().clone());
        Value::Object(response)
    }
}

fn usage(usage: &Usage) -> Value {
    json!({
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.prompt_tokens.saturating_add(usage.completion_tokens),
    })
}
