//! What is known of each provider: of this instance's own requests, since instances share nothing.

use super::Limits;
use super::circuit::Circuit;
use super::keys::Resting;
use super::slots::Slots;
use crate::bindings::Error;
use crate::providers::Provider;
use std::time::Instant;

/// One provider.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) circuit: Circuit,
    pub(crate) slots: Slots,
    pub(crate) resting: Resting,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct State {
    open_ai: Known,
    anthropic: Known,
    workers_ai: Known,
    local: Known,
}

impl State {
    /// Nothing is known yet.
    pub(crate) const fn new() -> Self {
        Self {
            open_ai: Known::new(),
            anthropic: Known::new(),
            workers_ai: Known::new(),
            local: Known::new(),
        }
    }

    /// A provider that is reached over the network; the others have neither keys nor bad days.
    pub(crate) fn of(&mut self, provider: Provider) -> Option<&mut Known> {
        match provider {
            Provider::OpenAi => Some(&mut self.open_ai),
            Provider::Anthropic => Some(&mut self.anthropic),
            Provider::WorkersAi => Some(&mut self.workers_ai),
            Provider::Local => Some(&mut self.local),
            Provider::Spin | Provider::Demo => None,
        }
    }
}

impl Known {
    const fn new() -> Self {
        Self {
            circuit: Circuit::Closed(0),
            slots: Slots::new(),
            resting: Resting::new(),
        }
    }

    /// An answer has begun.
    pub(crate) fn succeeded(&mut self, key: usize) {
        self.circuit.succeeded();
        self.resting.succeeded(key);
    }

    /// None came. A provider that refuses is one that works.
    pub(crate) fn failed(&mut self, key: usize, error: &Error, limits: &Limits, now: Instant) {
        self.resting.failed(key, error, now);
        match error {
            Error::Overloaded(_)
            | Error::Timeout
            | Error::Unreachable(_)
            | Error::Protocol(_)
            | Error::Other(_) => self.circuit.failed(limits.failures, now),
            Error::UnknownModel
            | Error::NotConfigured
            | Error::InvalidRequest(_)
            | Error::ContextTooLong
            | Error::ContentFiltered
            | Error::Unauthorized
            | Error::RateLimited(_) => self.circuit.succeeded(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Values;

    #[test]
    fn refusals_do_not_open_the_circuit_and_outages_do() {
        let (limits, now) = (Limits::read(&Values::default()), Instant::now());
        let mut state = State::new();
        let known = state.of(Provider::OpenAi).unwrap();
        for _ in 0..20 {
            known.failed(0, &Error::RateLimited(None), &limits, now);
        }
        assert_eq!(known.circuit.enter(now), Ok(false));
        for _ in 0..5 {
            known.failed(0, &Error::Timeout, &limits, now);
        }
        assert!(known.circuit.enter(now).is_err());
        // Others are not concerned.
        let other = state.of(Provider::Anthropic).unwrap();
        assert_eq!(other.circuit.enter(now), Ok(false));
        assert!(state.of(Provider::Demo).is_none());
    }
}
