//! What users may spend and have spent: a ledger for each user, kept as facts in the journal
//! `quota:u:<user id>`.
//!
//! | module | |
//! |---|---|
//! | `facts` | what is stored |
//! | `state` | what it amounts to: credits, reservations |
//! | `history` | use by day, by key and as transactions, all bounded |
//! | `calendar` | days and months |
//! | `teller` | reading and appending: the contract's functions |
//!
//! # Why nobody overspends
//! A reservation is a fact like any other, with a number of its own, and the fold says whether it
//! holds: only if what is left after all facts before it is enough. Two instances that reserve the
//! last credit at once both append, and both read that only the one with the lower number holds.
//!
//! What was really used is charged however much it is, whether or not its reservation still holds,
//! once. A reply cannot be longer than what is held for it, since the reservation bounds it; only
//! a prompt that the provider counts as longer than we estimated can exceed what is left.
//!
//! # What it costs
//! A reservation where something is limited: two or more gets and two writes (number, fact).
//! Settling: the same, and every so many facts a snapshot. A reservation that is refused writes
//! nothing, unless another one came in between.

pub(crate) mod calendar;
pub(crate) mod facts;
pub(crate) mod history;
pub(crate) mod state;
pub(crate) mod teller;

#[cfg(test)]
mod tests;
