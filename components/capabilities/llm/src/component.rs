//! The exports, and the I/O behind them.

mod attempts;
mod configuration;
mod deadlines;
mod discovery;
mod embeddings;
mod lease;
mod log;
mod models;
mod relay;
mod requests;
mod token_count;
mod transport;

use crate::bindings::{
    ChatRequest, Completion, Delta, EmbeddingRequest, Embeddings, Error, Guest, Model, generated,
    wit_future, wit_stream,
};
use crate::request::check;
use attempts::Attempts;
use spin_sdk::wasip3::spawn;
use spin_sdk::wit_bindgen::{FutureReader, StreamReader};
use std::time::Instant;

struct Component;

#[allow(
    unsafe_code,
    unreachable_pub,
    clippy::all,
    clippy::restriction,
    reason = "generated"
)]
mod exports {
    use super::{Component, generated};
    generated::export!(Component with_types_in generated);
}

/// The deltas of a reply, and its end.
type ReplyStream = (StreamReader<Delta>, FutureReader<Result<Completion, Error>>);

impl Guest for Component {
    async fn models() -> Result<Vec<Model>, Error> {
        models::list(configuration::variables().await?).await
    }

    async fn chat(request: ChatRequest) -> Result<ReplyStream, Error> {
        let started = Instant::now();
        let variables = configuration::variables().await?;
        check(&request)?;
        let mut attempts = Attempts::new(request, variables).await?;
        let accepted = attempts.first(started).await?;
        let (deltas, reader) = wit_stream::new();
        let (end, ended) = wit_future::new(relay::cancelled);
        spawn(relay::relay(attempts, accepted, deltas, end));
        Ok((reader, ended))
    }

    async fn count_tokens(request: ChatRequest) -> Result<u32, Error> {
        let variables = configuration::variables().await?;
        check(&request)?;
        token_count::count(request, variables).await
    }

    async fn embed(request: EmbeddingRequest) -> Result<Embeddings, Error> {
        embeddings::embed(request, configuration::variables().await?).await
    }
}
