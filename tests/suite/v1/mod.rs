//! Tests of `/v1/*`.

mod chat;
mod models;
