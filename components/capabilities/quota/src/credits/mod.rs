//! The credits and the usage of users. Each user has a ledger in the journal `quota:u:<user id>`.
//!
//! | module | |
//! |---|---|
//! | `entries` | the entries that are stored |
//! | `state` | the state that they amount to: credits and reservations |
//! | `history` | usage by day, usage by API key and transactions, all of bounded size |
//! | `calendar` | days and months |
//! | `ledger` | the functions of the contract, on any platform |
//!
//! # Why no user overspends
//! A reservation is an entry, and the state says whether it is granted: only if enough is left after all
//! entries before it. Two instances that reserve the last credit at the same time both append, and both
//! read that only the one with the lower number is granted.
//!
//! Actual usage is always charged, once, whether or not its reservation is still valid. A reply is never
//! longer than its reservation. Only a prompt that the provider counts as longer than we estimated can
//! exceed the remaining credits.
//!
//! # Cost
//! A reservation, where something is limited, takes two or more gets and two writes (number, entry).
//! Settling takes the same, and now and then a snapshot. A refused reservation writes nothing, unless
//! another one was appended at the same time.

pub(crate) mod calendar;
pub(crate) mod entries;
pub(crate) mod history;
pub(crate) mod ledger;
pub(crate) mod state;

#[cfg(test)]
mod tests;
