//! Tests of `/api/*`.

mod admin;
mod auth;
mod channels;
pub(crate) mod chat;
mod clear;
mod conversations;
mod credits;
mod history;
mod members;
mod messages;
mod models;
mod preferences;
mod threads;
mod uploads;
mod usage;
mod users;
mod v1;
