//! Which provider gets a request, when, and with which key. Pure: events, time and randomness are
//! arguments.
//!
//! - `fallbacks`: the fallbacks of each model;
//! - `retry`: whether, where and when to retry after a failure;
//! - `keys`: several keys of one provider;
//! - `slots`: how many requests a provider gets at a time;
//! - `circuit`: no requests to a provider that is down;
//! - `state`: the last three for each provider.

pub(crate) mod circuit;
pub(crate) mod fallbacks;
pub(crate) mod keys;
pub(crate) mod retry;
pub(crate) mod slots;
pub(crate) mod state;

use crate::variables::Variables;
use std::time::Duration;

pub(crate) const VARIABLES: [&str; 5] = [
    "llm_max_attempts",
    "llm_max_retry_wait_seconds",
    "llm_max_concurrency_per_instance",
    "llm_circuit_failures",
    "model_fallbacks",
];

/// The operator's limits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Attempts for one request, the first included.
    pub(crate) attempts: u32,
    /// The longest `Retry-After` that is waited for.
    pub(crate) wait: Duration,
    /// Requests to one provider at a time; 0: any number.
    pub(crate) concurrency: u32,
    /// Failures in a row after which a provider is left alone for a while; 0: never.
    pub(crate) failures: u32,
}

impl Limits {
    /// From the variables, with their defaults.
    pub(crate) fn read(variables: &Variables) -> Self {
        Self {
            attempts: variables.number("llm_max_attempts", 1..=10, 3),
            wait: variables
                .seconds("llm_max_retry_wait_seconds", 5)
                .min(Duration::from_secs(60)),
            concurrency: variables.number("llm_max_concurrency_per_instance", 0..=100_000, 0),
            failures: variables.number("llm_circuit_failures", 0..=1_000, 5),
        }
    }
}
