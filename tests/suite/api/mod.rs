//! Tests of `/api/*`.

mod admin;
mod auth;
mod chat;
mod clear;
mod conversations;
mod credits;
mod history;
mod models;
mod preferences;
mod usage;
mod v1;
