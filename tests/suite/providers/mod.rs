//! How AI providers are called, and what becomes of their failures.

pub(crate) mod anthropic;
mod circuit;
mod error_causes;
mod faults;
mod finish_reasons;
mod framing;
mod max_tokens;
mod odd_fields;
mod parameters;
mod prompts;
mod routing;
mod sent_bytes;
mod stream_errors;
mod tool_calls;
mod wire_formats;
