//! Whether, where and when to retry after a failure.
//!
//! The requested model comes first, then its fallbacks, and none twice. A failure that may pass is
//! retried at the same model, as long as that leaves an attempt for each fallback. After a failure that a wait
//! cannot fix, the next model is tried. An error of the request ends the routing.

use crate::bindings::Error;
use std::time::Duration;

/// The first pause, doubled with each failure of the same model.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// Greatest random addition to a provider's `Retry-After`, so that not all requests return at once.
const SPREAD: Duration = Duration::from_millis(250);

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Retry the same model after a pause.
    SameModel(Duration),
    /// Continue with the next fallback.
    Fallback,
    /// Make no further attempt.
    GiveUp,
}

/// The attempts of one request.
#[derive(Debug)]
pub(crate) struct RetryPlan {
    /// Maximum number of attempts, and the number made.
    most: u32,
    made: u32,
    /// Number of models, and the position of the current one.
    models: usize,
    model: usize,
    /// Failures of this model.
    failures: u32,
    longest_wait: Duration,
}

/// Whether a failure allows another attempt.
enum Kind {
    /// The request is wrong for every model.
    Request,
    /// The key is rejected; another may be accepted.
    Key,
    /// The key's limit is reached; another key, or waiting, may help. Seconds to wait.
    Limit(Option<u32>),
    /// It may pass soon. Seconds to wait.
    Temporary(Option<u32>),
    /// Another attempt at this model would not help, or take too long.
    Model,
}

impl Kind {
    fn of(error: &Error) -> Self {
        match error {
            Error::InvalidRequest(_) | Error::ContextTooLong | Error::ContentFiltered => {
                Self::Request
            }
            Error::Misconfigured(_) => Self::Key,
            Error::RateLimited(temporary) => Self::Limit(temporary.retry_after),
            Error::Overloaded(temporary) => Self::Temporary(temporary.retry_after),
            Error::Unreachable(_) | Error::Failed(_) => Self::Temporary(None),
            // A second silence is as long as the first.
            Error::Timeout(_)
            | Error::UnknownModel
            | Error::ModelUnavailable(_)
            | Error::NotConfigured(_)
            | Error::Protocol(_)
            | Error::Other(_) => Self::Model,
        }
    }
}

impl RetryPlan {
    /// For a model and `fallbacks` more.
    pub(crate) fn new(most: u32, fallbacks: usize, longest_wait: Duration) -> Self {
        Self {
            most,
            made: 0,
            models: fallbacks.saturating_add(1),
            model: 0,
            failures: 0,
            longest_wait,
        }
    }

    /// Attempts made.
    pub(crate) fn attempts(&self) -> u32 {
        self.made
    }

    /// Whether the current model is the requested one.
    pub(crate) fn is_at_first(&self) -> bool {
        self.model == 0
    }

    /// Counts an attempt.
    pub(crate) fn begin_attempt(&mut self) {
        self.made = self.made.saturating_add(1);
    }

    /// After an attempt failed. `random` is any number.
    pub(crate) fn failed(&mut self, error: &Error, has_other_key: bool, random: u64) -> Next {
        let kind = Kind::of(error);
        let pause = match kind {
            Kind::Request => return self.not_sent(error),
            Kind::Key | Kind::Limit(_) if has_other_key => Some(Duration::ZERO),
            Kind::Key | Kind::Model => None,
            Kind::Limit(wait) | Kind::Temporary(wait) => self.pause(wait, random),
        };
        self.failures = self.failures.saturating_add(1);
        match pause.filter(|_| self.remaining_attempts() > self.remaining_models()) {
            Some(pause) => Next::SameModel(pause),
            None => self.fallback(),
        }
    }

    /// After an attempt was not sent: the provider is busy, its circuit is open, or it does not support
    /// the request.
    pub(crate) fn not_sent(&mut self, error: &Error) -> Next {
        match Kind::of(error) {
            Kind::Request if self.is_at_first() => Next::GiveUp,
            _ => self.fallback(),
        }
    }

    fn fallback(&mut self) -> Next {
        if self.remaining_models() == 0 || self.remaining_attempts() == 0 {
            return Next::GiveUp;
        }
        self.model = self.model.saturating_add(1);
        self.failures = 0;
        Next::Fallback
    }

    fn remaining_attempts(&self) -> usize {
        usize::try_from(self.most.saturating_sub(self.made)).unwrap_or(usize::MAX)
    }

    fn remaining_models(&self) -> usize {
        self.models.saturating_sub(self.model).saturating_sub(1)
    }

    /// The pause; none if the provider demands a longer one than allowed.
    fn pause(&self, wait: Option<u32>, random: u64) -> Option<Duration> {
        match wait.filter(|seconds| *seconds > 0) {
            Some(seconds) => {
                let wait = Duration::from_secs(u64::from(seconds));
                (wait <= self.longest_wait).then(|| wait.saturating_add(part(SPREAD, random)))
            }
            None => {
                let doubled = FIRST_PAUSE.saturating_mul(1 << self.failures.min(16));
                let half = doubled.min(LONGEST_PAUSE) / 2;
                Some(half.saturating_add(part(half, random)))
            }
        }
    }
}

/// A random part of a duration.
fn part(whole: Duration, random: u64) -> Duration {
    let nanos = u64::try_from(whole.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(random.checked_rem(nanos).unwrap_or(0))
}

#[cfg(test)]
mod tests;
