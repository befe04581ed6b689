//! A reply in Anthropic's JSON: as events, or as one object.

mod blocks;

use contracts::llm::types::{Completion, Delta, Error, ResolvedModel, Usage};
use http_edge::ApiError;
use model_api::{ObjectEncoder, StreamEncoder};
use serde_json::{Value, json};
use sse::Encoder;
use uuid::Uuid;

use crate::{errors, events};
use blocks::Blocks;

/// Writes the events of one message. The model's own events are passed on unchanged.
pub(crate) struct MessageEncoder {
    id: String,
    /// The model that replies. Until it is known, the requested one.
    model: String,
    /// Estimated, until the model counts.
    prompt_tokens: u32,
    /// Whether replies are moderated: then the provider's events are not passed on.
    is_moderated: bool,
    resolved: Option<ResolvedModel>,
    has_begun: bool,
    has_ended: bool,
    blocks: Blocks,
}

impl MessageEncoder {
    pub(crate) fn new(model: String, prompt_tokens: u32, is_moderated: bool) -> Self {
        Self {
            id: format!("msg_{}", Uuid::new_v4().simple()),
            model,
            prompt_tokens,
            is_moderated,
            resolved: None,
            has_begun: false,
            has_ended: false,
            blocks: Blocks::default(),
        }
    }

    fn message(&self, content: Value, usage: &Usage, stop_reason: Option<&str>) -> Value {
        json!({
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": content,
            "stop_reason": stop_reason,
            "stop_sequence": null,
            "usage": events::usage(usage),
        })
    }

    fn is_native(&self) -> bool {
        let is_native = |resolved: &ResolvedModel| resolved.is_native;
        !self.is_moderated && self.resolved.as_ref().is_some_and(is_native)
    }

    /// Writes the beginning, once.
    fn begin(&mut self, out: &mut Encoder) {
        if std::mem::replace(&mut self.has_begun, true) {
            return;
        }
        let usage = Usage {
            prompt_tokens: self.prompt_tokens,
            completion_tokens: 0,
            cached_tokens: 0,
            cache_write_tokens: 0,
            cache_write_hour_tokens: 0,
            reasoning_tokens: 0,
            estimated: true,
        };
        let message = self.message(json!([]), &usage, None);
        events::write(out, &json!({"type": "message_start", "message": message}));
    }
}

fn set_stop_sequence(object: &mut Value, completion: &Completion) {
    if let Some(sequence) = &completion.stop_sequence
        && let Some(fields) = object.as_object_mut()
    {
        fields.insert("stop_sequence".to_owned(), json!(sequence));
    }
}

impl ObjectEncoder for MessageEncoder {
    fn into_object(mut self, completion: &Completion) -> Value {
        let mut out = Encoder::new();
        self.blocks.end(&mut out);
        let mut message = self.message(
            self.blocks.content(),
            &completion.usage,
            Some(events::stop_reason(completion)),
        );
        set_stop_sequence(&mut message, completion);
        message
    }
}

impl StreamEncoder for MessageEncoder {
    fn model(&self) -> &str {
        &self.model
    }

    fn delta(&mut self, out: &mut Encoder, delta: &Delta) {
        match delta {
            Delta::ResolvedModel(resolved) => {
                self.model.clone_from(&resolved.model);
                self.resolved = Some(resolved.clone());
            }
            Delta::Native(event) if self.is_native() => {
                self.has_begun = true;
                self.has_ended |= event.name == "message_stop";
                out.event(&event.name).data(&event.data);
            }
            Delta::Native(_) | Delta::Extra(_) => {}
            _ if self.is_native() => {}
            _ => {
                self.begin(out);
                self.blocks.delta(out, delta, self.resolved.as_ref());
            }
        }
    }

    fn keep_alive(&mut self, out: &mut Encoder) {
        events::write(out, &json!({"type": "ping"}));
    }

    fn end(&mut self, out: &mut Encoder, completion: &Completion) {
        if self.is_native() {
            if !self.has_ended {
                events::write(out, &json!({"type": "message_stop"}));
            }
            return;
        }
        self.begin(out);
        self.blocks.end(out);
        let mut delta = json!({
            "stop_reason": events::stop_reason(completion),
            "stop_sequence": null,
        });
        set_stop_sequence(&mut delta, completion);
        let usage = events::usage(&completion.usage);
        events::write(
            out,
            &json!({"type": "message_delta", "delta": delta, "usage": usage}),
        );
        events::write(out, &json!({"type": "message_stop"}));
    }

    fn error_of(&self, error: Error) -> ApiError {
        errors::llm(error)
    }

    fn fail(&mut self, out: &mut Encoder, error: &ApiError, request_id: &str) {
        if !self.has_ended {
            events::write(out, &errors::object(error, request_id));
        }
    }
}

#[cfg(test)]
mod tests;
