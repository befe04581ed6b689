//! Leave to ask a provider: a slot, a key and a closed circuit.

use crate::bindings::Error;
use crate::chance::chance;
use crate::providers::Provider;
use crate::routing::Limits;
use crate::routing::state::{Known, State};
use crate::secret::Secret;
use crate::values::Values;
use spin_sdk::time::sleep;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a request waits for a slot, and how often it looks.
const PATIENCE: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(20);

/// What somebody is told to wait for who got no slot.
const BUSY: u32 = 1;

/// How providers do, which any request may know. The lock is never held while waiting.
static STATE: Mutex<State> = Mutex::new(State::new());

fn known<T>(provider: Provider, see: impl FnOnce(&mut Known) -> T) -> Option<T> {
    let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
    state.of(provider).map(see)
}

/// Leave to ask a provider once. Dropping it gives the slot back.
pub(super) struct Lease {
    provider: Provider,
    /// The key's place in the list.
    key: usize,
    /// Whether this request tries a provider that failed before, and is still on its way.
    is_probe: bool,
}

/// Waits for leave. `now` is the time the attempt began.
///
/// # Errors
/// `overloaded`, when the provider is left alone or has enough to do.
pub(super) async fn take(
    provider: Provider,
    values: &Values,
    limits: &Limits,
    now: Instant,
) -> Result<(Lease, Option<Secret>), Error> {
    let most = limits.concurrency;
    if known(provider, |known| known.slots.enter(most)) == Some(false) {
        wait_for_slot(provider, most).await?;
    }
    let mut lease = Lease {
        provider,
        key: 0,
        is_probe: false,
    };
    let keys = values.get(key_variable(provider));
    let chosen = known(provider, |known| {
        let is_probe = known.circuit.enter(now)?;
        Ok((is_probe, known.resting.choose(keys, now, chance)))
    });
    match chosen {
        None => Ok((lease, None)),
        Some(Err(wait)) => Err(Error::Overloaded(Some(seconds(wait)))),
        Some(Ok((is_probe, chosen))) => {
            lease.is_probe = is_probe;
            // A local server may want no key.
            let (place, key) = chosen.map_or((0, None), |(place, key)| (place, Some(key)));
            lease.key = place;
            Ok((lease, key))
        }
    }
}

/// Whether another key of the provider may do better.
pub(super) fn is_any_key_awake(provider: Provider, values: &Values) -> bool {
    let keys = values.get(key_variable(provider));
    let now = Instant::now();
    known(provider, |known| known.resting.is_any_awake(keys, now)).unwrap_or(false)
}

/// A key for a request that is no attempt.
pub(super) fn any_key(provider: Provider, values: &Values) -> Option<Secret> {
    let keys = values.get(key_variable(provider));
    let now = Instant::now();
    let (_, key) = known(provider, |known| known.resting.choose(keys, now, chance))??;
    Some(key)
}

fn key_variable(provider: Provider) -> &'static str {
    match provider {
        Provider::OpenAi => "openai_api_key",
        Provider::Anthropic => "anthropic_api_key",
        Provider::WorkersAi => "cloudflare_api_token",
        Provider::Local => "local_api_key",
        Provider::Spin | Provider::Demo => "",
    }
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
        known(self.provider, |known| known.slots.give_up(self.number));
    }
}

/// Looks again and again: a task of an instance must not wake another.
async fn wait_for_slot(provider: Provider, most: u32) -> Result<(), Error> {
    let busy = || Error::Overloaded(Some(BUSY));
    let number = known(provider, |known| known.slots.queue(most)).flatten();
    let ticket = Ticket {
        provider,
        number: number.ok_or_else(busy)?,
    };
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        sleep(LOOK).await;
        let is_turn = known(provider, |known| known.slots.advance(ticket.number, most));
        if is_turn == Some(true) {
            return Ok(());
        }
    }
    Err(busy())
}

impl Lease {
    /// The answer has begun.
    pub(super) fn succeeded(&mut self) {
        self.is_probe = false;
        known(self.provider, |known| known.succeeded(self.key));
    }

    /// No answer came.
    pub(super) fn failed(mut self, error: &Error, limits: &Limits) {
        self.is_probe = false;
        let now = Instant::now();
        known(self.provider, |known| {
            known.failed(self.key, error, limits, now);
        });
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        known(self.provider, |known| {
            known.slots.leave();
            if self.is_probe {
                known.circuit.abandoned(Instant::now());
            }
        });
    }
}
