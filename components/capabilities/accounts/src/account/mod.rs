//! What is known of one user.

mod chores;
mod facts;
mod state;

pub(crate) use chores::{Chores, Listing, Marker, Release};
pub(crate) use facts::{Email, Ending, Fact, Identity, Key, Password, Registered, Session};
pub(crate) use state::{
    Account, ENDED_KEYS_KEPT, LIVE_KEYS_MAX, Profile, REFRESH_LEEWAY, SESSIONS_MAX,
};
