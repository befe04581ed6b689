//! Tests of `/v1/*`.

mod chat;
mod embeddings;
mod messages;
mod models;
mod responses;
