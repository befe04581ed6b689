//! Whether, where and when to ask again after a failure.
//!
//! The model asked for comes first, then those that stand in for it, never back again. What may
//! pass in a moment is asked again where it is, as long as that leaves an attempt for each stand-in;
//! what waiting does not help goes on to the next; what is the request's own fault ends it.

use crate::bindings::Error;
use std::time::Duration;

/// The first pause, doubled with each failure at the same place.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// What is added at random to a wait the provider asked for, so that not all come back at once.
const SPREAD: Duration = Duration::from_millis(250);

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Ask the same model again, after a pause.
    Here(Duration),
    /// Ask the next one.
    Elsewhere,
    /// Give up.
    Never,
}

/// The attempts of one request.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Attempts that may be made, and that were.
    most: u32,
    made: u32,
    /// Models that may be asked, and which one is.
    models: usize,
    model: usize,
    /// Failures of this model.
    failures: u32,
    longest_wait: Duration,
}

/// What a failure says about trying again.
enum Kind {
    /// The request is at fault, wherever it goes.
    Request,
    /// The key is; another may do.
    Key,
    /// The key for now; another may do, or waiting.
    Limit(Option<u32>),
    /// It may pass in a moment.
    Moment(Option<u32>),
    /// Asking here again would not help, or take too long.
    Place,
}

impl Kind {
    fn of(error: &Error) -> Self {
        match error {
            Error::InvalidRequest(_) | Error::ContextTooLong | Error::ContentFiltered => {
                Self::Request
            }
            Error::Unauthorized => Self::Key,
            Error::RateLimited(wait) => Self::Limit(*wait),
            Error::Overloaded(wait) => Self::Moment(*wait),
            Error::Unreachable(_) => Self::Moment(None),
            // A second silence is as long as the first.
            Error::Timeout
            | Error::UnknownModel
            | Error::NotConfigured
            | Error::Protocol(_)
            | Error::Other(_) => Self::Place,
        }
    }
}

impl Plan {
    /// For a model and `stand_ins` more.
    pub(crate) fn new(most: u32, stand_ins: usize, longest_wait: Duration) -> Self {
        Self {
            most,
            made: 0,
            models: stand_ins.saturating_add(1),
            model: 0,
            failures: 0,
            longest_wait,
        }
    }

    /// Attempts made.
    pub(crate) fn attempts(&self) -> u32 {
        self.made
    }

    /// Whether the model asked for is still the one that is asked.
    pub(crate) fn is_at_first(&self) -> bool {
        self.model == 0
    }

    /// Notes that a provider is being asked.
    pub(crate) fn ask(&mut self) {
        self.made = self.made.saturating_add(1);
    }

    /// After a provider was asked and failed.
    pub(crate) fn failed(&mut self, error: &Error, has_other_key: bool, chance: u64) -> Next {
        let kind = Kind::of(error);
        let pause = match kind {
            Kind::Request => return self.refused(error),
            Kind::Key | Kind::Limit(_) if has_other_key => Some(Duration::ZERO),
            Kind::Key | Kind::Place => None,
            Kind::Limit(wait) | Kind::Moment(wait) => self.pause(wait, chance),
        };
        self.failures = self.failures.saturating_add(1);
        match pause.filter(|_| self.left() > self.further()) {
            Some(pause) => Next::Here(pause),
            None => self.elsewhere(),
        }
    }

    /// After nobody was asked: the provider is busy, left alone or cannot do what is asked.
    pub(crate) fn refused(&mut self, error: &Error) -> Next {
        match Kind::of(error) {
            Kind::Request if self.is_at_first() => Next::Never,
            _ => self.elsewhere(),
        }
    }

    fn elsewhere(&mut self) -> Next {
        if self.further() == 0 || self.left() == 0 {
            return Next::Never;
        }
        self.model = self.model.saturating_add(1);
        self.failures = 0;
        Next::Elsewhere
    }

    fn left(&self) -> usize {
        usize::try_from(self.most.saturating_sub(self.made)).unwrap_or(usize::MAX)
    }

    fn further(&self) -> usize {
        self.models.saturating_sub(self.model).saturating_sub(1)
    }

    /// How long to wait here; none when the provider asks for more than we would wait.
    fn pause(&self, wait: Option<u32>, chance: u64) -> Option<Duration> {
        match wait.filter(|seconds| *seconds > 0) {
            Some(seconds) => {
                let wait = Duration::from_secs(u64::from(seconds));
                (wait <= self.longest_wait).then(|| wait.saturating_add(part(SPREAD, chance)))
            }
            None => {
                let doubled = FIRST_PAUSE.saturating_mul(1 << self.failures.min(16));
                let half = doubled.min(LONGEST_PAUSE) / 2;
                Some(half.saturating_add(part(half, chance)))
            }
        }
    }
}

/// A part of a span: none of it, nearly all of it or anything between.
fn part(whole: Duration, chance: u64) -> Duration {
    let nanos = u64::try_from(whole.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(chance.checked_rem(nanos).unwrap_or(0))
}

#[cfg(test)]
mod tests;
