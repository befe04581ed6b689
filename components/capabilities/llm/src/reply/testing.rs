//! Reading whole streams in tests.

use super::{Decode, Expectation, Reply};
use crate::bindings::{Completion, Delta};
use crate::failure::Failure;

const PROMPT_ESTIMATE: u32 = 7;

/// All deltas of a body, and its end; none if the body ended before the model did. The body is read
/// as a whole, byte by byte and in pieces of seven bytes, which must give the same.
pub(crate) fn read(
    body: &str,
    decoder: impl Fn() -> Box<dyn Decode>,
) -> (Vec<Delta>, Result<Option<Completion>, Failure>) {
    read_with(body, Expectation::default(), decoder)
}

/// As [`read`], with what the caller expects.
pub(crate) fn read_with(
    body: &str,
    expectation: Expectation,
    decoder: impl Fn() -> Box<dyn Decode>,
) -> (Vec<Delta>, Result<Option<Completion>, Failure>) {
    let whole = read_in(body, body.len().max(1), expectation, &decoder);
    for size in [1, 7] {
        let split = read_in(body, size, expectation, &decoder);
        assert_eq!(whole.1, split.1);
        assert_eq!(texts(&whole.0).concat(), texts(&split.0).concat());
        assert_eq!(calls(&whole.0), calls(&split.0));
    }
    whole
}

fn read_in(
    body: &str,
    size: usize,
    expectation: Expectation,
    decoder: &impl Fn() -> Box<dyn Decode>,
) -> (Vec<Delta>, Result<Option<Completion>, Failure>) {
    let expectation = Expectation {
        prompt_estimate: PROMPT_ESTIMATE,
        ..expectation
    };
    let mut reply = Reply::new(decoder(), expectation);
    let mut deltas = Vec::new();
    for bytes in body.as_bytes().chunks(size) {
        let pushed = reply.push(bytes);
        deltas.append(&mut reply.take());
        if let Err(error) = pushed {
            return (deltas, Err(error));
        }
    }
    let finished = reply.finish();
    deltas.append(&mut reply.take());
    (deltas, finished.map(|()| reply.completion()))
}

/// The texts.
pub(crate) fn texts(deltas: &[Delta]) -> Vec<String> {
    deltas
        .iter()
        .filter_map(|delta| match delta {
            Delta::Text(text) => Some(text.clone()),
            _ => None,
        })
        .collect()
}

/// The calls as names and arguments, put together as a client does. Each has an id of its own.
pub(crate) fn calls(deltas: &[Delta]) -> Vec<(String, String)> {
    let mut calls: Vec<(String, String)> = Vec::new();
    let mut ids = std::collections::BTreeSet::new();
    for delta in deltas {
        let Delta::ToolCall(delta) = delta else {
            continue;
        };
        if let Some(name) = &delta.name {
            assert_eq!(delta.index as usize, calls.len());
            assert!(ids.insert(delta.id.clone().unwrap()));
            calls.push((name.clone(), String::new()));
        } else {
            assert_eq!(delta.id, None);
        }
        calls[delta.index as usize].1 += &delta.arguments;
    }
    calls
}
