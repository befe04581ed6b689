//! A circuit breaker: a provider that fails repeatedly gets no requests for a while, which spares users
//! time and the provider load. Then one request is sent; the others follow if it succeeds.

use std::time::{Duration, Instant};

/// How long the circuit stays open.
const OPEN: Duration = Duration::from_secs(10);

/// When other requests may retry while one request tries the provider.
const PROBING: Duration = Duration::from_secs(1);

/// The state of one provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Circuit {
    /// Requests are sent; this many failed in a row.
    Closed(u32),
    /// No requests are sent until then.
    Open(Instant),
    /// One request tries the provider (half-open).
    Probing,
}

impl Circuit {
    /// Whether a request may be sent; true if it is the one that tries the provider.
    ///
    /// # Errors
    /// The time to wait.
    pub(crate) fn enter(&mut self, now: Instant) -> Result<bool, Duration> {
        match *self {
            Self::Closed(_) => Ok(false),
            Self::Open(until) if until > now => Err(until.duration_since(now)),
            Self::Open(_) => {
                *self = Self::Probing;
                Ok(true)
            }
            Self::Probing => Err(PROBING),
        }
    }

    /// The provider responded.
    pub(crate) fn succeeded(&mut self) {
        *self = Self::Closed(0);
    }

    /// The provider failed; `most` failures in a row open the circuit, 0 never.
    pub(crate) fn failed(&mut self, most: u32, now: Instant) {
        let failures = match *self {
            Self::Closed(failures) => failures.saturating_add(1),
            Self::Open(_) => return,
            Self::Probing => most,
        };
        *self = match now.checked_add(OPEN) {
            Some(until) if most > 0 && failures >= most => Self::Open(until),
            _ => Self::Closed(failures),
        };
    }

    /// A request failed, and that does not show whether the provider works: the next one may try it.
    pub(crate) fn undecided(&mut self, now: Instant) {
        if *self == Self::Probing {
            *self = Self::Open(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn failed_in_a_row_opens_and_one_success_closes() {
        let (mut circuit, now) = (Circuit::Closed(0), Instant::now());
        circuit.failed(3, now);
        circuit.failed(3, now);
        circuit.succeeded();
        for _ in 0..3 {
            assert_eq!(circuit.enter(now), Ok(false));
            circuit.failed(3, now);
        }
        assert_eq!(circuit.enter(now), Err(OPEN));
        let later = now + OPEN;
        assert_eq!(circuit.enter(later), Ok(true));
        assert_eq!(circuit.enter(later), Err(PROBING));
        circuit.failed(3, later);
        assert_eq!(circuit.enter(later), Err(OPEN));
        let later = later + OPEN;
        assert_eq!(circuit.enter(later), Ok(true));
        circuit.undecided(later);
        assert_eq!(circuit.enter(later), Ok(true));
        circuit.succeeded();
        assert_eq!(circuit.enter(later), Ok(false));
    }

    #[test]
    fn failed_with_a_limit_of_zero_never_opens() {
        let (mut circuit, now) = (Circuit::Closed(0), Instant::now());
        for _ in 0..1_000 {
            circuit.failed(0, now);
        }
        assert_eq!(circuit.enter(now), Ok(false));
    }

    proptest! {
        /// Whatever happens, a request is sent within the time stated.
        #[test]
        fn enter_is_possible_again_after_any_events(steps in proptest::collection::vec(0_u8..4, 0..60)) {
            let (mut circuit, mut now) = (Circuit::Closed(0), Instant::now());
            let mut probes = 0;
            for step in steps {
                now += Duration::from_secs(1);
                match step {
                    0 => if circuit.enter(now) == Ok(true) { probes += 1 },
                    1 => { circuit.succeeded(); probes = 0 }
                    2 => { circuit.failed(2, now); probes = 0 }
                    _ => { circuit.undecided(now); probes = 0 }
                }
                prop_assert!(probes <= 1);
            }
            circuit.undecided(now);
            prop_assert!(circuit.enter(now + OPEN).is_ok());
        }
    }
}
