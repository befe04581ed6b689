//! The state of one user.

mod events;
mod keys;
mod pending_effects;
mod sessions;
mod state;

pub(crate) use events::{
    Email, Event, Identity, Key, Password, Registered, Session, SessionsToEnd,
};
pub(crate) use keys::{ACTIVE_KEYS_MAX, ENDED_KEYS_LISTED};
pub(crate) use pending_effects::DirectoryUpdate;
#[cfg(test)]
pub(crate) use sessions::REFRESH_LEEWAY;
pub(crate) use state::{Account, Profile};

#[cfg(test)]
mod tests;
