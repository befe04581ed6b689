//! Classifies an error of a provider by its code, type, status and sentence.

use super::ProviderError;

/// What the caller does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    ContextTooLong,
    ContentFiltered,
    Misconfigured,
    ModelUnavailable,
    RateLimited,
    Overloaded,
    Failed,
    Timeout,
    InvalidRequest,
    /// A response that no error has.
    Unexpected,
    /// An unclassified error.
    Unknown,
}

/// Codes and types, in lower case, whatever the status.
const BY_CODE: [(&str, Class); 44] = [
    ("context_length_exceeded", Class::ContextTooLong),
    ("string_above_max_length", Class::ContextTooLong),
    ("exceed_context_size_error", Class::ContextTooLong),
    ("context_window_exceeded", Class::ContextTooLong),
    ("model_context_window_exceeded", Class::ContextTooLong),
    ("request_too_large", Class::ContextTooLong),
    ("content_filter", Class::ContentFiltered),
    ("content_policy_violation", Class::ContentFiltered),
    ("invalid_prompt", Class::ContentFiltered),
    ("responsibleaipolicyviolation", Class::ContentFiltered),
    ("invalid_api_key", Class::Misconfigured),
    ("invalid_issuer", Class::Misconfigured),
    ("account_deactivated", Class::Misconfigured),
    ("authentication_error", Class::Misconfigured),
    ("authenticationerror", Class::Misconfigured),
    ("unauthenticated", Class::Misconfigured),
    ("insufficient_quota", Class::Misconfigured),
    ("billing_not_active", Class::Misconfigured),
    ("billing_error", Class::Misconfigured),
    ("permission_error", Class::Misconfigured),
    ("permission_denied", Class::Misconfigured),
    ("permissiondeniederror", Class::Misconfigured),
    ("access_denied", Class::Misconfigured),
    ("model_not_found", Class::ModelUnavailable),
    ("model_not_available", Class::ModelUnavailable),
    ("not_found_error", Class::ModelUnavailable),
    ("deploymentnotfound", Class::ModelUnavailable),
    ("rate_limit_exceeded", Class::RateLimited),
    ("rate_limit_error", Class::RateLimited),
    ("ratelimiterror", Class::RateLimited),
    ("too_many_requests", Class::RateLimited),
    ("resource_exhausted", Class::RateLimited),
    ("requests", Class::RateLimited),
    ("tokens", Class::RateLimited),
    ("engine_overloaded", Class::Overloaded),
    ("overloaded_error", Class::Overloaded),
    ("overloaded", Class::Overloaded),
    ("service_unavailable", Class::Overloaded),
    ("unavailable", Class::Overloaded),
    ("slow_down", Class::Overloaded),
    ("timeout_error", Class::Timeout),
    ("timeout", Class::Timeout),
    ("deadline_exceeded", Class::Timeout),
    ("unavailable_error", Class::Overloaded),
];

/// General types, which the status is more exact than.
const WITHOUT_STATUS: [(&str, Class); 11] = [
    ("invalid_request_error", Class::InvalidRequest),
    ("badrequesterror", Class::InvalidRequest),
    ("bad_request", Class::InvalidRequest),
    ("bad_request_error", Class::InvalidRequest),
    ("invalid_argument", Class::InvalidRequest),
    ("server_error", Class::Failed),
    ("api_error", Class::Failed),
    ("internal_server_error", Class::Failed),
    ("internalservererror", Class::Failed),
    ("internal_error", Class::Failed),
    ("internal", Class::Failed),
];

/// Sentences of providers without a code for a prompt that is too long, in lower case.
const CONTEXT_PHRASES: [&str; 20] = [
    // OpenAI, Azure, vLLM
    "maximum context length",
    "reduce the length of the messages",
    // vLLM, SGLang
    "maximum model length",
    "max_model_len",
    "longer than the model's context length",
    // llama.cpp
    "exceeds the available context",
    "exceed the context size",
    "exceeds the context size",
    // Ollama
    "input length exceeds",
    "exceeds the context length",
    // Anthropic
    "prompt is too long",
    "exceed context limit",
    "exceeds context limit",
    "context window",
    // Gemini, Bedrock
    "exceeds the maximum number of tokens",
    "input is too long",
    "too many input tokens",
    // Workers AI
    "context length exceeded",
    "exceeded the context",
    "exceeded this model's context",
];

/// Sentences that show what a status does not, in lower case.
const PHRASES: [(&str, Class); 9] = [
    ("content filtering policy", Class::ContentFiltered),
    ("content management policy", Class::ContentFiltered),
    ("credit balance is too low", Class::Misconfigured),
    ("exceeded your current quota", Class::Misconfigured),
    // Templates of llama.cpp and vLLM, which respond with status 500.
    ("roles must alternate", Class::InvalidRequest),
    ("jinja", Class::InvalidRequest),
    ("chat template", Class::InvalidRequest),
    ("does not support tools", Class::InvalidRequest),
    ("does not support chat", Class::InvalidRequest),
];

/// Workers AI has numbers of its own.
/// Source: <https://developers.cloudflare.com/workers-ai/platform/errors/>.
pub(super) fn classify_workers_ai(error: &ProviderError) -> Option<Class> {
    Some(match error.code.parse().ok()? {
        10_000 | 10_001 | 9_109 | 3_023 | 3_041 | 5_016 | 5_018 | 7_003 | 2_009 => {
            Class::Misconfigured
        }
        5_007 | 3_042 => Class::ModelUnavailable,
        5_021 | 3_006 => Class::ContextTooLong,
        2_016 | 2_017 => Class::ContentFiltered,
        3_007 | 3_008 | 3_046 => Class::Timeout,
        3_036 | 2_003 => Class::RateLimited,
        3_040 => Class::Overloaded,
        _ => return None,
    })
}

/// The class of an error. `status` is that of the response or, in a stream, of the error object.
pub(super) fn classify(status: Option<u16>, error: &ProviderError) -> Class {
    let code = error.code.to_ascii_lowercase();
    let kind = error.kind.to_ascii_lowercase();
    let message = error.message.to_ascii_lowercase();
    let find = |table: &[(&str, Class)]| {
        [&code, &kind].iter().find_map(|word| {
            let row = table.iter().find(|(name, _)| name == word)?;
            Some(row.1)
        })
    };
    let is_limit = status == Some(429);
    if !is_limit
        && CONTEXT_PHRASES
            .iter()
            .any(|phrase| message.contains(phrase))
    {
        return Class::ContextTooLong;
    }
    if let Some((_, class)) = PHRASES.iter().find(|(phrase, _)| message.contains(phrase)) {
        return *class;
    }
    find(&BY_CODE)
        .or_else(|| status.map(by_status))
        .or_else(|| find(&WITHOUT_STATUS))
        .unwrap_or(Class::Unknown)
}

fn by_status(status: u16) -> Class {
    match status {
        // 405: the base URL leads to something else.
        401 | 402 | 403 | 405 | 407 => Class::Misconfigured,
        404 | 410 => Class::ModelUnavailable,
        408 | 504 | 522 | 524 => Class::Timeout,
        413 => Class::ContextTooLong,
        429 => Class::RateLimited,
        503 | 529 => Class::Overloaded,
        500..=599 => Class::Failed,
        400..=499 => Class::InvalidRequest,
        _ => Class::Unexpected,
    }
}
