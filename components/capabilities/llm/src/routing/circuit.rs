//! Leaving a provider alone that fails again and again: asking it costs the user time and keeps it
//! from getting well. After a while one request is let through to see.

use std::time::{Duration, Instant};

/// How long it is left alone.
const OPEN: Duration = Duration::from_secs(10);

/// What others are told to wait for while one request is on its way.
const PROBING: Duration = Duration::from_secs(1);

/// The state of one provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Circuit {
    /// It works, but for so many failures in a row.
    Closed(u32),
    /// It is left alone until then.
    Open(Instant),
    /// One request is on its way to see.
    Probing,
}

impl Circuit {
    /// Asks to be let through: whether this request is the one that tries the provider.
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

    /// The provider works.
    pub(crate) fn succeeded(&mut self) {
        *self = Self::Closed(0);
    }

    /// It does not; `most` such failures in a row open the circuit, 0 never.
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

    /// The request that tried it came to no end: the next may try.
    pub(crate) fn abandoned(&mut self, now: Instant) {
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
    fn it_opens_after_failures_in_a_row_and_closes_after_a_probe() {
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
        circuit.abandoned(later);
        assert_eq!(circuit.enter(later), Ok(true));
        circuit.succeeded();
        assert_eq!(circuit.enter(later), Ok(false));
    }

    #[test]
    fn zero_never_opens_it() {
        let (mut circuit, now) = (Circuit::Closed(0), Instant::now());
        for _ in 0..1_000 {
            circuit.failed(0, now);
        }
        assert_eq!(circuit.enter(now), Ok(false));
    }

    proptest! {
        /// Whatever happens, somebody is let through within the time it says.
        #[test]
        fn nobody_is_locked_out_for_good(steps in proptest::collection::vec(0_u8..4, 0..60)) {
            let (mut circuit, mut now) = (Circuit::Closed(0), Instant::now());
            let mut probes = 0;
            for step in steps {
                now += Duration::from_secs(1);
                match step {
                    0 => if circuit.enter(now) == Ok(true) { probes += 1 },
                    1 => { circuit.succeeded(); probes = 0 }
                    2 => { circuit.failed(2, now); probes = 0 }
                    _ => { circuit.abandoned(now); probes = 0 }
                }
                prop_assert!(probes <= 1);
            }
            circuit.abandoned(now);
            prop_assert!(circuit.enter(now + OPEN).is_ok());
        }
    }
}
