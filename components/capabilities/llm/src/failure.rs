//! A provider's refusal as one of our errors. Pure.
//!
//! Providers put content and parts of keys into the sentences of their errors, so nothing of those
//! sentences is kept; codes and types are, cleaned.

use crate::bindings::{Error, Invalid};
use std::time::SystemTime;

/// What an HTTP answer that is not a stream says, apart from its body.
pub(crate) struct Head<'a> {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The header `Retry-After`, if any.
    pub(crate) retry_after: Option<&'a str>,
}

impl Head<'_> {
    /// Seconds to wait, from a number or an HTTP date (RFC 9110, §10.2.3), rounded up.
    pub(crate) fn wait(&self) -> Option<u32> {
        self.wait_from(SystemTime::now())
    }

    fn wait_from(&self, now: SystemTime) -> Option<u32> {
        let value = self.retry_after?.trim();
        if let Ok(seconds) = value.parse::<f64>() {
            // A float is cast saturating, so that neither a huge nor a negative number harms.
            return seconds.is_finite().then_some(seconds.ceil() as u32);
        }
        let until = httpdate::parse_http_date(value).ok()?;
        let wait = until.duration_since(now).unwrap_or_default();
        u32::try_from(wait.as_millis().div_ceil(1000)).ok()
    }

    /// What the status alone says; `code` is for the log.
    pub(crate) fn error(&self, code: &str) -> Error {
        match self.status {
            401 | 403 => Error::Unauthorized,
            404 => Error::UnknownModel,
            408 | 504 => Error::Timeout,
            413 => Error::ContextTooLong,
            429 => Error::RateLimited(self.wait()),
            500..=599 => Error::Overloaded(self.wait()),
            400..=499 => Error::InvalidRequest(Invalid {
                field: None,
                cause: self.cause(code),
            }),
            200..=299 => Error::Protocol("a success that is not a stream of events".to_owned()),
            _ => Error::Protocol(self.cause(code)),
        }
    }

    /// Status and code, for the log.
    pub(crate) fn cause(&self, code: &str) -> String {
        match tidy(code) {
            "" => format!("status {}", self.status),
            code => format!("status {} {code}", self.status),
        }
    }
}

/// A provider's code, fit for the log: a short word, or nothing.
fn tidy(code: &str) -> &str {
    let fits = code.len() <= 64
        && code
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    if fits { code } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn wait(value: &str) -> Option<u32> {
        let now = httpdate::parse_http_date("Sat, 21 Nov 2026 10:00:00 GMT").unwrap()
            + Duration::from_millis(500);
        Head {
            status: 429,
            retry_after: Some(value),
        }
        .wait_from(now)
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(wait("7"), Some(7));
        assert_eq!(wait(" 0.2 "), Some(1));
        assert_eq!(wait("Sat, 21 Nov 2026 10:00:30 GMT"), Some(30));
        assert_eq!(wait("Sat, 21 Nov 2026 09:00:30 GMT"), Some(0));
        assert_eq!(wait("soon"), None);
        assert_eq!(wait("-3"), Some(0));
        assert_eq!(wait("inf"), None);
    }

    #[test]
    fn sentences_are_not_codes() {
        assert_eq!(tidy("rate_limit_exceeded"), "rate_limit_exceeded");
        assert_eq!(tidy("the text you sent"), "");
    }
}
