//! A reply in OpenAI's Responses format: as events, or as one object.

mod items;
mod object;

use contracts::llm::types::{Completion, Delta, Error, ResolvedModel};
use http_edge::ApiError;
use model_api::{ObjectEncoder, StreamEncoder, openai_errors as errors};
use serde_json::{Map, Value, json};
use sse::Encoder;

use crate::request::Echo;
use items::Items;
use object::Label;

/// Writes events, each with its number.
#[derive(Default)]
pub(crate) struct Writer {
    next: u64,
}

impl Writer {
    /// Writes an event with these members, in one piece.
    pub(crate) fn write(&mut self, out: &mut Encoder, kind: &str, members: Value) {
        let mut event = Map::new();
        event.insert("type".to_owned(), kind.into());
        event.insert("sequence_number".to_owned(), self.next.into());
        if let Value::Object(members) = members {
            event.extend(members);
        }
        self.next += 1;
        out.event(kind).data(&Value::Object(event).to_string());
    }
}

/// Writes the events of one response. The model's own events are passed on unchanged.
pub(crate) struct ResponseEncoder {
    label: Label,
    echo: Echo,
    /// Whether replies are moderated: then the provider's events are not passed on.
    is_moderated: bool,
    resolved: Option<ResolvedModel>,
    has_begun: bool,
    has_ended: bool,
    writer: Writer,
    items: Items,
}

impl ResponseEncoder {
    pub(crate) fn new(echo: Echo, is_moderated: bool) -> Self {
        Self {
            label: Label::new(echo.model.clone()),
            items: Items::new(echo.includes_reasoning),
            echo,
            is_moderated,
            resolved: None,
            has_begun: false,
            has_ended: false,
            writer: Writer::default(),
        }
    }

    fn ended(&self, completion: &Completion) -> Value {
        let end = object::End::of(completion);
        self.label.response(&self.echo, self.items.whole(), &end)
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
        let response = self
            .label
            .response(&self.echo, Vec::new(), &object::End::in_progress());
        for kind in ["response.created", "response.in_progress"] {
            self.writer
                .write(out, kind, json!({ "response": response }));
        }
    }

    /// Passes an event on, and notes what an end of our own would need.
    fn native(&mut self, out: &mut Encoder, name: &str, data: &str) {
        if !self.has_begun
            && let Ok(event) = serde_json::from_str::<Value>(data)
            && let Some(id) = event.pointer("/response/id").and_then(Value::as_str)
        {
            id.clone_into(&mut self.label.id);
        }
        self.has_begun = true;
        self.writer.next += 1;
        self.has_ended |= matches!(
            name,
            "response.completed" | "response.incomplete" | "response.failed"
        );
        out.event(name).data(data);
    }
}

impl ObjectEncoder for ResponseEncoder {
    fn into_object(mut self, completion: &Completion) -> Value {
        self.items.end(&mut Encoder::new(), &mut self.writer, true);
        self.ended(completion)
    }
}

impl StreamEncoder for ResponseEncoder {
    fn model(&self) -> &str {
        &self.label.model
    }

    fn delta(&mut self, out: &mut Encoder, delta: &Delta) {
        match delta {
            Delta::ResolvedModel(resolved) => {
                self.label.model.clone_from(&resolved.model);
                self.resolved = Some(resolved.clone());
            }
            Delta::Native(event) if self.is_native() => self.native(out, &event.name, &event.data),
            Delta::Native(_) | Delta::Extra(_) => {}
            _ if self.is_native() => {}
            _ => {
                self.begin(out);
                let resolved = self.resolved.as_ref();
                self.items.delta(out, &mut self.writer, delta, resolved);
            }
        }
    }

    fn keep_alive(&mut self, out: &mut Encoder) {
        if self.has_begun {
            // OpenAI's libraries support this event. A comment is no event to clients that count events.
            let members = json!({});
            self.writer.write(out, "keepalive", members);
        } else {
            // The first event must be `response.created`, whose model is not known yet.
            out.comment("keep-alive");
        }
    }

    fn end(&mut self, out: &mut Encoder, completion: &Completion) {
        if self.is_native() {
            return;
        }
        self.begin(out);
        let is_whole = object::is_complete(completion);
        self.items.end(out, &mut self.writer, is_whole);
        let kind = if is_whole {
            "response.completed"
        } else {
            "response.incomplete"
        };
        let response = self.ended(completion);
        self.writer
            .write(out, kind, json!({ "response": response }));
    }

    fn error_of(&self, error: Error) -> ApiError {
        errors::llm(error)
    }

    fn fail(&mut self, out: &mut Encoder, error: &ApiError, _request_id: &str) {
        if self.has_ended {
            return;
        }
        self.begin(out);
        let response =
            self.label
                .response(&self.echo, self.items.whole(), &object::End::failed(error));
        self.writer
            .write(out, "response.failed", json!({ "response": response }));
    }
}

#[cfg(test)]
mod tests;
