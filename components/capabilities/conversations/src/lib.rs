//! The `conversations` capability: what users said and what was answered, kept as entries in one
//! append-only journal for each user. Has storage and no network.
//!
//! # Keys of the journal `J` = `conv:<user id>`
//! | key | |
//! |---|---|
//! | `J:<n>`, `J:n`, `J:s` | entries, their counter and the snapshot; see the `journal` crate |
//! | `J:r:<n>` | the end of the reply that entry *n* asked for, written once by the turn that owns it |
//! | `J:r:<n>:<k>` | what had arrived of a long reply before its end, in order of *k* |
//! | `J:r:<n>:b` | a notification for the writer of that turn: it changes when somebody reads along or wants it to end |
//! | `J:a:<token>.c<k>` | an archived conversation without the turns in segments, see [`archive`] |
//! | `J:a:<token>.<k>` | a page of the map of archived conversations |
//! | `J:g:<conversation>.<n>:<k>` | the *k*-th segment: older turns of a long conversation that entry *n* began |
//!
//! # How much is written
//! A turn costs two writes to begin (number, entry) and one to finish (a batch of the reply's end
//! and the fresh snapshot). Only long replies, replies that somebody follows, and erasing cost more.
//!
//! # What readers agree on
//! Everything that decides (which conversations there are, which one gives way to a new one) is
//! folded from numbered entries alone. The end of a reply is not numbered, so an entry that begins a
//! conversation records what its writer knew of when the others were last updated, and the limit;
//! one that replaces a reply, or stops some, names them; and of two requests of one name the first
//! entry counts.
//!
//! # Who is alive
//! A turn gives a sign of life now and then; one that was silent for [`state::REPLY_OVERDUE`] is
//! dead, by clocks that agree within half a minute. Whoever follows a reply knows sooner, and by no
//! clock but its own: it notifies the writer, a running turn responds, and one that does not is dead. A turn that
//! was silent for long (it may have been asleep) looks whether it was taken for dead before it ends.

#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the logic is built, for its unit tests"
    )
)]

mod archive;
#[cfg(target_family = "wasm")]
mod component;
mod entries;
mod erasure;
mod error;
mod ids;
mod library;
mod preferences;
mod readers;
mod reading;
mod recovery;
mod requests;
mod segments;
mod state;
mod stop;
mod text;
mod turn;

#[cfg(test)]
mod tests;
