//! The response with a reply that has begun: streamed, or as one JSON object.

use completion::{Reply, Report};
use contracts::llm::types::{Completion, Delta};
use http_edge::{ApiError, Response};
use serde_json::Value;
use sse::Encoder;

use crate::{
    ask::BegunReply,
    stream::{ReplyStream, StreamEncoder},
    whole::collect,
};

const JSON: &str = "application/json";

/// A protocol whose encoder makes the object of a response that is not streamed, too.
pub trait ObjectEncoder: StreamEncoder {
    /// The response as one object. All deltas were written before.
    fn into_object(self, completion: &Completion) -> Value;
}

impl BegunReply {
    /// Responds in the protocol of the encoder. If the provider uses the same protocol, its body is returned unchanged.
    ///
    /// # Errors
    /// The error of the model, if the response is not streamed.
    pub async fn respond(
        self,
        mut encoder: impl ObjectEncoder + 'static,
        is_stream: bool,
        report: &mut Report,
    ) -> Result<Response, ApiError> {
        let Self {
            source,
            moderation,
            reservation,
        } = self;
        let reply = Reply::new(source, moderation);
        if is_stream {
            let stream = ReplyStream {
                reply,
                reservation,
                encoder,
            };
            return Ok(Response::events(|body, log| stream.run(body, log)));
        }
        let requested = encoder.model().to_owned();
        let error_of = |error| encoder.error_of(error);
        let whole = collect(reply, reservation, &requested, error_of, report).await?;
        let native = whole.deltas.iter().rev().find_map(|delta| match delta {
            Delta::Native(event) => Some(event.data.clone()),
            _ => None,
        });
        if let Some(body) = native {
            return Ok(Response::bytes(JSON, body.into_bytes()));
        }
        let mut out = Encoder::new();
        for delta in &whole.deltas {
            encoder.delta(&mut out, delta);
            out.take();
        }
        Ok(Response::json(&encoder.into_object(&whole.completion)))
    }
}
