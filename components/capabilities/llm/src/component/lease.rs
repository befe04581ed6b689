//! Permission to send a request to a provider: a slot, a key and a closed circuit.

use crate::bindings::{Error, Temporary};
use crate::providers::Provider;
use crate::random::random;
use crate::routing::Limits;
use crate::routing::state::{ProviderState, State};
use crate::secret::Secret;
use crate::variables::Variables;
use spin_sdk::time::sleep;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a request waits for a slot, and how often it checks.
const MAX_WAIT: Duration = Duration::from_secs(3);
const CHECK_INTERVAL: Duration = Duration::from_millis(20);

/// Seconds after which a request without a slot may be retried.
const BUSY: u32 = 1;

/// The states of the providers; they contain nothing of any user. The lock is never held while waiting.
static STATE: Mutex<State> = Mutex::new(State::new());

fn with_state<T>(provider: Provider, change: impl FnOnce(&mut ProviderState) -> T) -> Option<T> {
    let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
    state.of(provider).map(change)
}

/// Permission for one request. Dropping it gives the slot back.
pub(super) struct Lease {
    provider: Provider,
    /// The key's place in the list.
    key: usize,
    /// Whether this request tries a provider that failed before, and is still on its way.
    is_probe: bool,
}

/// Waits for permission. `now` is the time the attempt began.
///
/// # Errors
/// `overloaded`, if the circuit is open or all slots are taken.
pub(super) async fn take(
    provider: Provider,
    variables: &Variables,
    limits: &Limits,
    now: Instant,
) -> Result<(Lease, Option<Secret>), Error> {
    let most = limits.concurrency;
    if with_state(provider, |state| state.slots.enter(most)) == Some(false) {
        wait_for_slot(provider, most).await?;
    }
    let mut lease = Lease {
        provider,
        key: 0,
        is_probe: false,
    };
    let keys = variables.get(provider.key_variable());
    let chosen = with_state(provider, |state| {
        let is_probe = state.circuit.enter(now)?;
        Ok((is_probe, state.resting.choose(keys, now, random)))
    });
    match chosen {
        None => Ok((lease, None)),
        Some(Err(wait)) => Err(overloaded(
            provider,
            seconds(wait),
            "not called after consecutive failures (llm_circuit_failures)",
        )),
        Some(Ok((is_probe, chosen))) => {
            lease.is_probe = is_probe;
            // A local server may want no key.
            let (place, key) = chosen.map_or((0, None), |(place, key)| (place, Some(key)));
            lease.key = place;
            Ok((lease, key))
        }
    }
}

/// Whether the provider has a key that does not rest.
pub(super) fn is_any_key_awake(provider: Provider, variables: &Variables) -> bool {
    let keys = variables.get(provider.key_variable());
    let now = Instant::now();
    with_state(provider, |state| state.resting.is_any_awake(keys, now)).unwrap_or(false)
}

/// A key for a request that is not an attempt.
pub(super) fn any_key(provider: Provider, variables: &Variables) -> Option<Secret> {
    let keys = variables.get(provider.key_variable());
    let now = Instant::now();
    let (_, key) = with_state(provider, |state| state.resting.choose(keys, now, random))??;
    Some(key)
}

fn overloaded(provider: Provider, retry_after: u32, cause: &str) -> Error {
    Error::Overloaded(Temporary {
        retry_after: Some(retry_after),
        cause: format!("{} ({}): {cause}", provider.name(), provider.variable()),
    })
}

fn seconds(wait: Duration) -> u32 {
    u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}

/// A place in the queue. Dropping it leaves the queue.
struct Ticket {
    provider: Provider,
    number: u64,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        with_state(self.provider, |state| state.slots.give_up(self.number));
    }
}

/// Checks at intervals: a task of an instance must not wake another.
async fn wait_for_slot(provider: Provider, most: u32) -> Result<(), Error> {
    let busy = || {
        let cause = "all slots are taken (llm_max_concurrency_per_instance)";
        overloaded(provider, BUSY, cause)
    };
    let number = with_state(provider, |state| state.slots.queue(most)).flatten();
    let ticket = Ticket {
        provider,
        number: number.ok_or_else(busy)?,
    };
    let began = Instant::now();
    while began.elapsed() < MAX_WAIT {
        sleep(CHECK_INTERVAL).await;
        let is_turn = with_state(provider, |state| state.slots.advance(ticket.number, most));
        if is_turn == Some(true) {
            return Ok(());
        }
    }
    Err(busy())
}

impl Lease {
    /// The reply has begun.
    pub(super) fn succeeded(&mut self) {
        self.is_probe = false;
        with_state(self.provider, |state| state.succeeded(self.key));
    }

    /// No reply came.
    pub(super) fn failed(mut self, error: &Error, limits: &Limits) {
        self.is_probe = false;
        let now = Instant::now();
        with_state(self.provider, |state| {
            state.failed(self.key, error, limits, now);
        });
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        with_state(self.provider, |state| {
            state.slots.leave();
            if self.is_probe {
                state.circuit.undecided(Instant::now());
            }
        });
    }
}
