//! The call of Spin's `fermyon:spin/llm`. It blocks the instance until the whole reply is there.

use super::prompt::{check, parts, prompt};
use crate::bindings::{ChatRequest, Completion, Delta, Error, FinishReason, Invalid, Usage};
use crate::catalogue::Entry;
use crate::request::Omitted;
use spin_sdk::llm::{self, InferencingModel, InferencingParams};

/// The SDK's own limit is 100, which cuts most replies.
const DEFAULT_MAX_TOKENS: u32 = 512;

/// The whole reply, and the parameters that were not used.
///
/// # Errors
/// `model-unavailable` if the host has no such model or the component may not use it,
/// `invalid-request` for what it does not take.
pub(crate) fn infer(
    entry: &Entry,
    request: &ChatRequest,
) -> Result<(Vec<Delta>, Completion, Omitted), Error> {
    let omitted = check(entry, request)?;
    let mut params = InferencingParams {
        max_tokens: request.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS),
        ..InferencingParams::default()
    };
    if let Some(temperature) = request.temperature {
        params.temperature = temperature as f32;
    }
    if let Some(top_p) = request.options().top_p {
        params.top_p = top_p as f32;
    }
    let limit = params.max_tokens;
    let prompt = prompt(&entry.upstream, &request.messages);
    let result = llm::infer_with_options(InferencingModel::Other(&entry.upstream), &prompt, params)
        .map_err(error)?;
    let usage = Usage {
        prompt_tokens: result.usage.prompt_token_count,
        completion_tokens: result.usage.generated_token_count,
        cached_tokens: 0,
        cache_write_tokens: 0,
        cache_write_hour_tokens: 0,
        reasoning_tokens: 0,
        estimated: false,
    };
    let finish_reason = if usage.completion_tokens >= limit {
        FinishReason::Length
    } else {
        FinishReason::Stop
    };
    let deltas = parts(&result.text).into_iter().map(Delta::Text).collect();
    let completion = Completion {
        finish_reason,
        stop_sequence: None,
        usage,
        usage_extra: None,
    };
    Ok((deltas, completion, omitted))
}

/// The texts of the host's errors may contain the prompt.
fn error(error: llm::Error) -> Error {
    match error {
        llm::Error::ModelNotSupported => Error::ModelUnavailable(
            "spin (spin_ai_models): the host has no such model, or ai_models does not grant it"
                .to_owned(),
        ),
        llm::Error::InvalidInput(_) => Error::InvalidRequest(Invalid {
            field: None,
            reason: "The AI provider rejected this request.".to_owned(),
            code: None,
        }),
        llm::Error::RuntimeError(_) => {
            Error::Failed("spin (spin_ai_models): the host could not run the model".to_owned())
        }
    }
}
