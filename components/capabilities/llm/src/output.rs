//! The content of a provider's events so far. Pure.

use crate::bindings::{
    Completion, Delta, ExtraDelta, ExtraLevel, FinishReason, NativeEvent, ReasoningDelta,
    ReasoningField, Usage,
};
use crate::json::{Utf16Joiner, replace_marks};
use crate::tool_calls::{Piece, ToolCalls};
use serde_json::{Map, Value};
use token_estimate::{bytes_at_most, generated_at_least, tokens_of};

/// The provider's token counts; none where it sent none.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) prompt: Option<u32>,
    pub(crate) completion: Option<u32>,
    pub(crate) cached: Option<u32>,
    pub(crate) cache_write: Option<u32>,
    pub(crate) cache_write_hour: Option<u32>,
    pub(crate) reasoning: Option<u32>,
}

/// The options of the request that the reader of the reply depends on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Expectation {
    /// Tokens of the prompt, used where the provider sends no count.
    pub(crate) prompt_estimate: u32,
    /// The most tokens that the caller wants.
    pub(crate) max_tokens: Option<u32>,
    /// Whether the caller wants extra fields.
    pub(crate) includes_extra: bool,
    /// Whether the events are passed on unchanged.
    pub(crate) is_native: bool,
}

/// A completion as far as it has been read.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// Not yet taken.
    deltas: Vec<Delta>,
    pub(crate) finish_reason: Option<FinishReason>,
    pub(crate) stop_sequence: Option<String>,
    pub(crate) counts: Counts,
    /// Members of the provider's usage that the contract does not define.
    pub(crate) usage_extra: Map<String, Value>,
    /// The end that the provider's protocol has was read.
    pub(crate) is_done: bool,
    /// Whether texts of the current event may contain marks of single surrogates.
    pub(crate) has_marks: bool,
    /// Whether the caller wants extra fields.
    includes_extra: bool,
    /// Whether events are passed on unchanged.
    is_native: bool,
    /// The most tokens that the caller wants.
    max_tokens: Option<u32>,
    /// The completion was ended because it exceeds `max_tokens`.
    is_cut: bool,
    /// The model has begun to generate.
    has_started: bool,
    calls: ToolCalls,
    text: Utf16Joiner,
    reasoning: Utf16Joiner,
    refusal: Utf16Joiner,
    /// Bytes and deltas that were generated.
    bytes: usize,
    count: usize,
}

impl Output {
    /// Nothing yet.
    pub(crate) fn new(expectation: Expectation) -> Self {
        Self {
            max_tokens: expectation.max_tokens,
            includes_extra: expectation.includes_extra,
            is_native: expectation.is_native,
            ..Self::default()
        }
    }

    /// Adds text.
    pub(crate) fn text(&mut self, text: String) {
        let text = self.text.join(text, self.has_marks);
        self.generated(text, Delta::Text);
    }

    /// Adds reasoning.
    pub(crate) fn reasoning(&mut self, text: String, field: ReasoningField) {
        let text = self.reasoning.join(text, self.has_marks);
        self.generated(text, |text| {
            Delta::Reasoning(ReasoningDelta { text, field })
        });
    }

    /// Adds the provider's data of the reasoning since the last such data.
    pub(crate) fn reasoning_data(&mut self, data: Map<String, Value>) {
        if !self.is_cut {
            self.has_started = true;
            self.deltas
                .push(Delta::ReasoningData(Value::Object(data).to_string()));
        }
    }

    /// Adds the explanation of a refusal.
    pub(crate) fn refusal(&mut self, text: String) {
        let text = self.refusal.join(text, self.has_marks);
        self.generated(text, Delta::Refusal);
    }

    /// Adds a piece of a tool call.
    pub(crate) fn tool_call(&mut self, piece: Piece) {
        let bytes = piece.name.len() + piece.arguments.as_ref().map_or(0, String::len);
        if self.allow(bytes) == bytes {
            self.has_started = true;
            self.calls.push(piece, &mut self.deltas);
        }
    }

    /// Adds fields that the contract does not define, if the caller wants them.
    pub(crate) fn extra(&mut self, level: ExtraLevel, fields: Map<String, Value>) {
        if fields.is_empty() || !self.includes_extra || self.is_cut {
            return;
        }
        let mut fields = Value::Object(fields);
        if self.has_marks {
            replace_marks(&mut fields);
        }
        if level == ExtraLevel::Delta {
            self.has_started = true;
        }
        self.deltas.push(Delta::Extra(ExtraDelta {
            level,
            fields: fields.to_string(),
        }));
    }

    /// Adds an unchanged event, if the client uses the provider's protocol.
    pub(crate) fn native(&mut self, name: &str, data: &str) {
        if self.is_native {
            self.deltas.push(Delta::Native(NativeEvent {
                name: name.to_owned(),
                data: data.to_owned(),
            }));
        }
    }

    /// Notes that the model is at work, though there is nothing to pass on.
    pub(crate) fn start(&mut self) {
        self.has_started = true;
    }

    /// After each event: the names of calls are whole when the model has stopped.
    pub(crate) fn end_event(&mut self) {
        if self.has_stopped() {
            self.calls.flush(&mut self.deltas);
        }
    }

    /// After the last event.
    pub(crate) fn finish(&mut self) {
        self.calls.flush(&mut self.deltas);
        if let Some(last) = self.reasoning.finish() {
            self.generated(last.to_string(), |text| {
                Delta::Reasoning(ReasoningDelta {
                    text,
                    field: ReasoningField::ReasoningContent,
                })
            });
        }
        if let Some(last) = self.text.finish() {
            self.generated(last.to_string(), Delta::Text);
        }
        if let Some(last) = self.refusal.finish() {
            self.generated(last.to_string(), Delta::Refusal);
        }
    }

    /// The deltas not yet taken. Fields of events and choices alone are kept until the model has begun
    /// or stopped: until then the request can be made again.
    pub(crate) fn take(&mut self) -> Vec<Delta> {
        let is_field = |delta: &Delta| match delta {
            Delta::Extra(extra) => extra.level != ExtraLevel::Delta,
            Delta::Native(_) => true,
            _ => false,
        };
        if !self.has_stopped() && !self.has_started && self.deltas.iter().all(is_field) {
            return Vec::new();
        }
        std::mem::take(&mut self.deltas)
    }

    /// Whether the model has begun to generate.
    pub(crate) fn has_started(&self) -> bool {
        self.has_started
    }

    /// Whether the provider reported that the model stopped, or we ended the completion.
    pub(crate) fn has_stopped(&self) -> bool {
        self.is_done || self.is_cut || self.finish_reason.is_some()
    }

    /// Whether we ended the completion.
    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// How the completion ended; none if the model did not stop. `prompt_estimate` is used where the
    /// provider sends no count.
    pub(crate) fn completion(&self, prompt_estimate: u32) -> Option<Completion> {
        if !self.has_stopped() {
            return None;
        }
        let counts = &self.counts;
        let counted = counts.completion.filter(|_| !self.is_cut);
        let estimate = || match self.max_tokens.filter(|_| self.is_cut) {
            Some(most) => most,
            None => tokens_of(self.bytes),
        };
        let usage = Usage {
            prompt_tokens: counts.prompt.unwrap_or(prompt_estimate),
            completion_tokens: counted.unwrap_or_else(estimate),
            cached_tokens: counts.cached.unwrap_or(0),
            cache_write_tokens: counts.cache_write.unwrap_or(0),
            cache_write_hour_tokens: counts.cache_write_hour.unwrap_or(0),
            reasoning_tokens: counts.reasoning.unwrap_or(0),
            estimated: counts.prompt.is_none() || counted.is_none(),
        };
        let usage_extra = (!self.usage_extra.is_empty())
            .then(|| Value::Object(self.usage_extra.clone()).to_string());
        Some(Completion {
            finish_reason: self.reason(),
            stop_sequence: self.stop_sequence.clone(),
            usage,
            usage_extra,
        })
    }

    /// Some providers send `stop` although the model made calls, or send no reason.
    fn reason(&self) -> FinishReason {
        match &self.finish_reason {
            _ if self.is_cut => FinishReason::Length,
            None | Some(FinishReason::Stop) if self.calls.is_any() => FinishReason::ToolCalls,
            None => FinishReason::Stop,
            Some(reason) => reason.clone(),
        }
    }

    fn generated(&mut self, mut text: String, delta: impl FnOnce(String) -> Delta) {
        if text.is_empty() {
            return;
        }
        let allowed = self.allow(text.len());
        text.truncate(text.floor_char_boundary(allowed));
        if !text.is_empty() {
            self.has_started = true;
            self.deltas.push(delta(text));
        }
    }

    /// How many of these generated bytes are within `max_tokens`. The rest ends the completion.
    fn allow(&mut self, bytes: usize) -> usize {
        if self.is_cut {
            return 0;
        }
        let before = self.bytes;
        self.bytes = before.saturating_add(bytes);
        self.count = self.count.saturating_add(1);
        let Some(most) = self.max_tokens else {
            return bytes;
        };
        // Exact where the provider counts while it streams.
        let counted = self.counts.completion.filter(|tokens| *tokens > 0);
        let generated = counted.unwrap_or_else(|| generated_at_least(self.count, self.bytes));
        if generated <= most {
            return bytes;
        }
        self.is_cut = true;
        let is_within = counted.is_none() && generated_at_least(self.count, before) <= most;
        let allowed = if is_within {
            bytes_at_most(most).saturating_sub(before)
        } else {
            0
        };
        self.bytes = before.saturating_add(allowed);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(output: &mut Output) -> String {
        let deltas = output.take().into_iter();
        deltas
            .map(|delta| match delta {
                Delta::Text(text) => text,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    fn limited(most: u32) -> Output {
        Output::new(Expectation {
            max_tokens: Some(most),
            ..Expectation::default()
        })
    }

    #[test]
    fn text_beyond_max_tokens_is_cut_by_the_number_of_deltas() {
        let mut output = limited(3);
        for word in ["one ", "two ", "three ", "four ", "five "] {
            output.text(word.to_owned());
        }
        assert_eq!(texts(&mut output), "one two three ");
        let completion = output.completion(7).unwrap();
        assert_eq!(completion.finish_reason, FinishReason::Length);
        assert_eq!(completion.usage.completion_tokens, 3);
        assert!(completion.usage.estimated);
    }

    #[test]
    fn text_beyond_max_tokens_in_one_delta_is_cut_by_its_bytes() {
        let mut output = limited(2);
        output.text("é".repeat(100));
        assert_eq!(texts(&mut output), "é".repeat(11));
        assert!(output.is_cut());
    }

    #[test]
    fn text_is_cut_exactly_where_the_provider_counts() {
        let mut output = limited(2);
        output.counts.completion = Some(1);
        output.text("a long text of many, many words that is one token".to_owned());
        output.counts.completion = Some(2);
        output.text("b".to_owned());
        output.counts.completion = Some(3);
        output.text("c".to_owned());
        assert!(texts(&mut output).ends_with("tokenb"));
        assert!(output.is_cut());
    }

    #[test]
    fn text_within_max_tokens_is_not_cut() {
        let mut output = limited(3);
        for word in ["one ", "two ", "three"] {
            output.text(word.to_owned());
        }
        assert!(!output.is_cut());
        assert_eq!(output.completion(0), None);
    }
}
