//! Errors of providers, by what the caller does next. Pure.
//!
//! Sources: <https://platform.openai.com/docs/guides/error-codes>,
//! <https://platform.claude.com/docs/en/api/errors>, and errors recorded from Azure, vLLM, llama.cpp,
//! Ollama and Gemini.

mod classification;
mod provider_error;

pub(crate) use provider_error::ProviderError;

use crate::bindings::{ChatRequest, Error, Invalid, Temporary};
use crate::providers::Provider;
use crate::redaction::{redact, word};
use classification::{Class, classify, classify_workers_ai};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::SystemTime;

/// Why the response of a provider failed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Failure {
    /// The provider says so.
    Provider(ProviderError),
    /// The response does not follow the provider's protocol; how.
    Protocol(&'static str),
    /// The connection failed; how.
    Connection(&'static str),
    /// The variable `allowed_outbound_hosts` or the base URL is wrong; how.
    Configuration(&'static str),
    /// Nothing arrived in time; what was waited for.
    Timeout(&'static str),
}

/// The head of an HTTP response that reports an error.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Head<'a> {
    /// The HTTP status; none for an error within a response of status 200.
    pub(crate) status: Option<u16>,
    /// The header `Retry-After`.
    pub(crate) retry_after: Option<&'a str>,
}

/// The parts of an error that the client and the operator receive.
#[derive(Clone)]
pub(crate) struct ErrorContext {
    pub(crate) provider: Provider,
    /// No text of it may be in an error.
    pub(crate) request: Arc<ChatRequest>,
}

impl Head<'_> {
    /// Seconds to wait, from a number or an HTTP date (RFC 9110, §10.2.3), rounded up.
    fn wait(&self, now: SystemTime) -> Option<u32> {
        let value = self.retry_after?.trim();
        if let Ok(seconds) = value.parse::<f64>() {
            // A float is cast saturating, so huge and negative numbers are safe.
            return seconds.is_finite().then_some(seconds.ceil() as u32);
        }
        let until = httpdate::parse_http_date(value).ok()?;
        let wait = until.duration_since(now).unwrap_or_default();
        u32::try_from(wait.as_millis().div_ceil(1000)).ok()
    }
}

impl ErrorContext {
    /// The error for a failure within a response of status 200, or of the connection.
    pub(crate) fn error(&self, failure: &Failure) -> Error {
        match failure {
            Failure::Provider(error) => self.provider_error(&Head::default(), error),
            Failure::Protocol(what) => Error::Protocol(self.cause(what)),
            Failure::Connection(what) => Error::Unreachable(self.cause(what)),
            Failure::Configuration(what) => Error::Misconfigured(self.cause(what)),
            Failure::Timeout(what) => Error::Timeout(self.cause(what)),
        }
    }

    /// The error for an HTTP response with an error status.
    pub(crate) fn response(&self, head: &Head<'_>, body: &[u8]) -> Error {
        self.provider_error(head, &ProviderError::from_body(body))
    }

    fn provider_error(&self, head: &Head<'_>, error: &ProviderError) -> Error {
        let status = head.status.or_else(|| error.status());
        let sentence = redact(&error.message, &self.request);
        let temporary = || Temporary {
            retry_after: head.wait(SystemTime::now()),
            cause: self.provider_cause(status, error, &sentence),
        };
        let cause = || self.provider_cause(status, error, &sentence);
        let own = (self.provider == Provider::WorkersAi)
            .then(|| classify_workers_ai(error))
            .flatten();
        match own.unwrap_or_else(|| classify(status, error)) {
            Class::ContextTooLong => Error::ContextTooLong,
            Class::ContentFiltered => Error::ContentFiltered,
            Class::Misconfigured => Error::Misconfigured(cause()),
            Class::ModelUnavailable => Error::ModelUnavailable(cause()),
            Class::RateLimited => Error::RateLimited(temporary()),
            Class::Overloaded => Error::Overloaded(temporary()),
            Class::Failed => Error::Failed(cause()),
            Class::Timeout => Error::Timeout(cause()),
            Class::InvalidRequest => Error::InvalidRequest(invalid(error, sentence)),
            Class::Unexpected => Error::Protocol(cause()),
            Class::Unknown => Error::Other(cause()),
        }
    }

    /// A text for the log about this provider.
    pub(crate) fn cause(&self, what: &str) -> String {
        format!(
            "{} ({}): {what}",
            self.provider.name(),
            self.provider.variable()
        )
    }

    fn provider_cause(&self, status: Option<u16>, error: &ProviderError, sentence: &str) -> String {
        let mut what = match status {
            Some(status) => format!("status {status}"),
            None => "error in the response".to_owned(),
        };
        for (name, value) in [
            ("type", &error.kind),
            ("code", &error.code),
            ("param", &error.param),
        ] {
            if let Some(value) = word(value) {
                let _ = write!(what, ", {name} {value}");
            }
        }
        if !sentence.is_empty() {
            let _ = write!(what, ": {sentence}");
        }
        self.cause(&what)
    }
}

fn invalid(error: &ProviderError, mut sentence: String) -> Invalid {
    if sentence.is_empty() {
        sentence.push_str("The AI provider rejected this request.");
    } else if !sentence.ends_with(['.', '!', '?', '…']) {
        sentence.push('.');
    }
    if !sentence.ends_with('.') {
        sentence.push('.');
    }
    Invalid {
        field: word(&error.param).map(str::to_owned),
        reason: sentence,
        code: word(&error.code).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests;
