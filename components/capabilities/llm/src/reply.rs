//! A reply being read: bytes in, deltas and an end out. Pure.

use crate::bindings::{Completion, Delta};
use crate::failure::{Failure, ProviderError};
use crate::framing::Framing;
use crate::json;
use crate::output::Output;
use serde_json::Value;
use sse::Event;

pub(crate) use crate::output::Expectation;

/// How the events of a provider are read. Fields that a decoder does not expect are ignored: a
/// provider may only end a reply by saying that it failed.
pub(crate) trait Decode {
    /// Reads an event that is JSON and no error.
    ///
    /// # Errors
    /// If the event says in the provider's own way that the reply failed.
    fn event(&mut self, value: Value, output: &mut Output) -> Result<(), Failure>;

    /// Reads the end `[DONE]`.
    fn done(&mut self, _output: &mut Output) {}
}

/// A reply being read.
pub(crate) struct Reply {
    framing: Framing,
    decoder: Box<dyn Decode>,
    output: Output,
    prompt_estimate: u32,
}

impl Reply {
    /// The beginning of a reply.
    pub(crate) fn new(decoder: Box<dyn Decode>, expectation: Expectation) -> Self {
        Self {
            framing: Framing::default(),
            decoder,
            output: Output::new(expectation),
            prompt_estimate: expectation.prompt_estimate,
        }
    }

    /// Reads bytes. The deltas that they complete, also those before an error, are returned by
    /// [`Reply::take`].
    ///
    /// # Errors
    /// If the provider says that it failed, or the body is none of its formats.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let Self {
            framing,
            decoder,
            output,
            ..
        } = self;
        let mut failure = None;
        let framed = framing.push(bytes, |event| {
            if failure.is_none() {
                failure = failure_of(&event, decoder.as_mut(), output);
            }
        });
        match failure.or(framed.err().filter(|_| !output.has_stopped())) {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    /// Ends the body.
    ///
    /// # Errors
    /// As [`Reply::push`], for a last event without its end.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        let Self {
            framing,
            decoder,
            output,
            ..
        } = self;
        let mut failure = None;
        framing.finish(|event| {
            if failure.is_none() {
                failure = failure_of(&event, decoder.as_mut(), output);
            }
        });
        output.finish();
        failure.map_or(Ok(()), Err)
    }

    /// The deltas not yet taken.
    pub(crate) fn take(&mut self) -> Vec<Delta> {
        self.output.take()
    }

    /// Whether the end of the reply was read; nothing more need be read.
    pub(crate) fn is_done(&self) -> bool {
        self.output.is_done || self.output.is_cut()
    }

    /// Whether we ended the reply while the provider was still sending.
    pub(crate) fn is_cut(&self) -> bool {
        self.output.is_cut()
    }

    /// Whether the model stopped; what may still come is the usage.
    pub(crate) fn has_stopped(&self) -> bool {
        self.output.has_stopped()
    }

    /// Whether the model has begun.
    pub(crate) fn has_started(&self) -> bool {
        self.output.has_started()
    }

    /// How the reply ended; none if it ended before the model did.
    pub(crate) fn completion(&self) -> Option<Completion> {
        self.output.completion(self.prompt_estimate)
    }
}

/// Reads an event and returns its failure. One after the end of the reply is none, and does not keep what follows it, as
/// the usage, from being read.
fn failure_of(event: &Event, decoder: &mut dyn Decode, output: &mut Output) -> Option<Failure> {
    let read = read(event, decoder, output);
    read.err().filter(|_| !output.has_stopped())
}

fn read(event: &Event, decoder: &mut dyn Decode, output: &mut Output) -> Result<(), Failure> {
    let data = event.data.trim();
    if data == "[DONE]" {
        decoder.done(output);
        output.is_done = true;
        output.end_event();
        return Ok(());
    }
    let Some(parsed) = json::parse(data) else {
        if event.name == "error" {
            return Err(Failure::Provider(ProviderError {
                message: data.to_owned(),
                ..ProviderError::default()
            }));
        }
        return Ok(());
    };
    if let Some(error) = ProviderError::in_event(&event.name, &parsed.value) {
        return Err(Failure::Provider(error));
    }
    output.has_marks = parsed.has_marks;
    output.native(&event.name, data);
    decoder.event(parsed.value, output)?;
    output.end_event();
    Ok(())
}

#[cfg(test)]
pub(crate) mod testing;
