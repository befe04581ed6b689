//! How long an attempt may wait for its provider.

use crate::variables::Variables;
use std::time::{Duration, Instant};

/// The longest waits of one attempt, by what is waited for.
pub(super) struct Deadlines {
    /// For the connection.
    pub(super) connect: Duration,
    /// From the start of the attempt to the first bytes of the model's output.
    pub(super) first_token: Duration,
    /// Between two reads of the output.
    pub(super) idle: Duration,
    /// When the attempt began.
    pub(super) started: Instant,
}

impl Deadlines {
    /// From the variables, with their defaults.
    pub(super) fn read(variables: &Variables, started: Instant) -> Self {
        Self {
            connect: variables.seconds("llm_connect_timeout_seconds", 10),
            first_token: variables.seconds("llm_first_token_timeout_seconds", 60),
            idle: variables.seconds("llm_idle_timeout_seconds", 60),
            started,
        }
    }
}
