//! Agreeing on one random secret with every other instance, over a store that has neither
//! compare-and-swap nor transactions, only a counter that hands out each number once.
//!
//! 1. Whoever finds no decision takes the next number and writes its own random secret under it.
//! 2. The secret under the lowest number wins. A number that was taken but has no secret yet may
//!    still get one, so it is waited for, until `GRACE` has passed; its writer has given up by then
//!    (`WRITE_DEADLINE`) and the number is skipped.
//! 3. Whoever has found the winner writes it down as the decision. Several may do so: they write
//!    the same. From then on everybody reads the decision and nothing else.

use std::time::Duration;

/// Length of a secret, in bytes.
pub(crate) const SECRET_BYTES: usize = 32;

/// A secret that was not written this soon after its number was taken is not used.
pub(crate) const WRITE_DEADLINE: Duration = Duration::from_secs(3);

/// A number that has no secret for this long is skipped. Longer than `WRITE_DEADLINE` by more than
/// a store needs for one write.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

/// How often a number that has no secret yet is looked at.
const POLL: Duration = Duration::from_millis(50);

/// What the election needs of the world. Errors are for the log.
pub(crate) trait Ballot {
    /// The decision, if there is one.
    async fn decision(&self) -> Result<Option<Vec<u8>>, String>;
    /// Writes the decision down.
    async fn decide(&self, secret: &[u8]) -> Result<(), String>;
    /// Takes the next number; the first is 1.
    async fn take_number(&self) -> Result<u64, String>;
    /// The secret under a number.
    async fn candidate(&self, number: u64) -> Result<Option<Vec<u8>>, String>;
    /// Writes a secret under a number.
    async fn propose(&self, number: u64, secret: &[u8]) -> Result<(), String>;
    /// A secret that nobody can guess.
    fn random(&self) -> Result<[u8; SECRET_BYTES], String>;
    /// A clock that never goes back.
    fn elapsed(&self) -> Duration;
    async fn sleep(&self, duration: Duration);
}

/// The secret that all instances agree on.
///
/// # Errors
/// Says for the log why there is none: the store failed or was too slow. Trying again is safe.
pub(crate) async fn elect(ballot: &impl Ballot) -> Result<Vec<u8>, String> {
    if let Some(secret) = ballot.decision().await? {
        return Ok(secret);
    }
    let own = ballot.random()?;
    let started = ballot.elapsed();
    let since = || ballot.elapsed().saturating_sub(started);
    let number = ballot.take_number().await?;
    if since() > WRITE_DEADLINE {
        return Err("the store was too slow to agree on a secret".to_owned());
    }
    ballot.propose(number, &own).await?;

    let mut candidate = 1;
    let winner = loop {
        if let Some(secret) = ballot.decision().await? {
            return Ok(secret);
        }
        if candidate >= number {
            // From the store, like any other: what was written there is what the others see.
            break ballot.candidate(number).await?.ok_or("a write was lost")?;
        }
        match ballot.candidate(candidate).await? {
            Some(secret) => break secret,
            None if since() > GRACE => candidate += 1,
            None => ballot.sleep(POLL).await,
        }
    };
    ballot.decide(&winner).await?;
    Ok(winner)
}

#[cfg(test)]
#[path = "election_tests.rs"]
mod tests;
