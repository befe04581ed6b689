//! The call of Spin's `fermyon:spin/llm`. It blocks the instance until the whole answer is there.

use super::conversions::{check, pieces, prompt};
use crate::bindings::{ChatRequest, Completion, Delta, Error, FinishReason, Invalid, Usage};
use crate::catalogue::Entry;
use spin_sdk::llm::{self, InferencingModel, InferencingParams};

/// The SDK's own bound is 100, which cuts most answers.
const DEFAULT_MAX_TOKENS: u32 = 512;

/// The whole answer.
///
/// # Errors
/// `unknown-model` when the host has no such model or may not use it here, `invalid-request` for
/// what it does not do.
pub(crate) fn infer(
    entry: &Entry,
    request: &ChatRequest,
) -> Result<(Vec<Delta>, Completion), Error> {
    check(request)?;
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
    let bound = params.max_tokens;
    let prompt = prompt(&entry.upstream, &request.messages);
    let result = llm::infer_with_options(InferencingModel::Other(&entry.upstream), &prompt, params)
        .map_err(|error| match error {
            llm::Error::ModelNotSupported => Error::UnknownModel,
            llm::Error::InvalidInput(_) => Error::InvalidRequest(Invalid {
                field: None,
                cause: "spin takes no such input".to_owned(),
            }),
            llm::Error::RuntimeError(_) => Error::Other("spin could not run the model".to_owned()),
        })?;
    let usage = Usage {
        prompt_tokens: result.usage.prompt_token_count,
        completion_tokens: result.usage.generated_token_count,
        cached_tokens: 0,
        reasoning_tokens: 0,
        estimated: false,
    };
    let finish_reason = if usage.completion_tokens >= bound {
        FinishReason::Length
    } else {
        FinishReason::Stop
    };
    let pieces = pieces(&result.text).into_iter().map(Delta::Text).collect();
    Ok((
        pieces,
        Completion {
            finish_reason,
            usage,
        },
    ))
}
