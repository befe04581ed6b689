//! Tests of `/api/v1/*`.

mod auth;
mod chats;
pub(crate) mod files;
mod streams;
