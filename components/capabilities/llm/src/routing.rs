//! Who is asked, when and with which key, if all does not go well. Pure: what happens elsewhere is
//! told to these modules, and so are the time and chance.
//!
//! - `fallbacks`: which models stand in for which;
//! - `plan`: whether, where and when to ask again after a failure;
//! - `keys`: several keys of one provider;
//! - `slots`: how many requests a provider gets at a time;
//! - `circuit`: leaving a provider alone that does not work;
//! - `state`: the last three for each provider.

pub(crate) mod circuit;
pub(crate) mod fallbacks;
pub(crate) mod keys;
pub(crate) mod plan;
pub(crate) mod slots;
pub(crate) mod state;

use crate::values::Values;
use std::time::Duration;

pub(crate) const VARIABLES: [&str; 5] = [
    "llm_max_attempts",
    "llm_max_retry_wait_seconds",
    "llm_max_concurrency_per_instance",
    "llm_circuit_failures",
    "model_fallbacks",
];

/// The operator's bounds.
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
    pub(crate) fn read(values: &Values) -> Self {
        Self {
            attempts: values.number("llm_max_attempts", 1..=10, 3),
            wait: values
                .seconds("llm_max_retry_wait_seconds", 5)
                .min(Duration::from_secs(60)),
            concurrency: values.number("llm_max_concurrency_per_instance", 0..=100_000, 0),
            failures: values.number("llm_circuit_failures", 0..=1_000, 5),
        }
    }
}
