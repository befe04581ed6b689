//! What is known of one user.

mod chores;
mod facts;
mod keys;
mod sessions;
mod state;

pub(crate) use chores::Listing;
pub(crate) use facts::{Email, Ending, Fact, Identity, Key, Password, Registered, Session};
pub(crate) use keys::{ENDED_KEYS_KEPT, LIVE_KEYS_MAX};
#[cfg(test)]
pub(crate) use sessions::REFRESH_LEEWAY;
pub(crate) use state::{Account, Profile};

#[cfg(test)]
mod tests;
