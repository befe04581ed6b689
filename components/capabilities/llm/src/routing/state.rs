//! The state of each provider, from the requests of this instance: instances share nothing.

use super::Limits;
use super::circuit::Circuit;
use super::keys::Resting;
use super::slots::Slots;
use crate::bindings::Error;
use crate::providers::Provider;
use std::time::Instant;

/// One provider.
#[derive(Debug)]
pub(crate) struct ProviderState {
    pub(crate) circuit: Circuit,
    pub(crate) slots: Slots,
    pub(crate) resting: Resting,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct State {
    open_ai: ProviderState,
    anthropic: ProviderState,
    workers_ai: ProviderState,
    local: ProviderState,
}

impl State {
    /// The initial state.
    pub(crate) const fn new() -> Self {
        Self {
            open_ai: ProviderState::new(),
            anthropic: ProviderState::new(),
            workers_ai: ProviderState::new(),
            local: ProviderState::new(),
        }
    }

    /// A provider that is reached over the network; the others have neither keys nor circuits.
    pub(crate) fn of(&mut self, provider: Provider) -> Option<&mut ProviderState> {
        match provider {
            Provider::OpenAi => Some(&mut self.open_ai),
            Provider::Anthropic => Some(&mut self.anthropic),
            Provider::WorkersAi => Some(&mut self.workers_ai),
            Provider::Local => Some(&mut self.local),
            Provider::Spin | Provider::Demo => None,
        }
    }
}

impl ProviderState {
    const fn new() -> Self {
        Self {
            circuit: Circuit::Closed(0),
            slots: Slots::new(),
            resting: Resting::new(),
        }
    }

    /// A reply has begun.
    pub(crate) fn succeeded(&mut self, key: usize) {
        self.circuit.succeeded();
        self.resting.succeeded(key);
    }

    /// No reply came. A provider that rejects a request is one that works.
    pub(crate) fn failed(&mut self, key: usize, error: &Error, limits: &Limits, now: Instant) {
        self.resting.failed(key, error, now);
        match error {
            Error::Overloaded(_) | Error::Timeout(_) | Error::Unreachable(_) | Error::Failed(_) => {
                self.circuit.failed(limits.failures, now);
            }
            // It may be the request's fault.
            Error::Protocol(_) | Error::Other(_) => self.circuit.undecided(now),
            Error::UnknownModel
            | Error::NotConfigured(_)
            | Error::InvalidRequest(_)
            | Error::ContextTooLong
            | Error::ContentFiltered
            | Error::ModelUnavailable(_)
            | Error::Misconfigured(_)
            | Error::RateLimited(_) => self.circuit.succeeded(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::invalid;
    use crate::variables::Variables;

    #[test]
    fn failed_outages_open_the_circuit_and_mistakes_of_clients_do_not() {
        let (limits, now) = (Limits::read(&Variables::default()), Instant::now());
        let mut state = State::new();
        let provider = state.of(Provider::OpenAi).unwrap();
        let mistake = invalid("seed", "is not supported");
        for _ in 0..20 {
            provider.failed(0, &mistake, &limits, now);
        }
        assert_eq!(provider.circuit.enter(now), Ok(false));
        for _ in 0..5 {
            provider.failed(0, &Error::Timeout(String::new()), &limits, now);
        }
        assert!(provider.circuit.enter(now).is_err());
        // Unknown errors do not count as outages.
        let provider = state.of(Provider::Local).unwrap();
        for _ in 0..20 {
            provider.failed(0, &Error::Other(String::new()), &limits, now);
            provider.failed(0, &Error::Protocol(String::new()), &limits, now);
        }
        assert_eq!(provider.circuit.enter(now), Ok(false));
        // Other providers are not concerned.
        let other = state.of(Provider::Anthropic).unwrap();
        assert_eq!(other.circuit.enter(now), Ok(false));
        assert!(state.of(Provider::Demo).is_none());
    }
}
