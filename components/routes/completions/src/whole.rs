//! A reply that is sent as one JSON object.

use completion::{RelayEnd, Relayed, Reply, Report, Reservation, relay};
use contracts::llm::types::{Completion, FinishReason, Usage};
use futures::future::{OptionFuture, join};
use http_edge::{ApiError, Response};
use model_api::{content_filtered, openai_errors as errors};

use crate::{
    cache::Slot,
    encode::{Label, ReplyMessage, Shape},
};

pub(crate) const JSON: &str = "application/json";

/// A response that is collected from a reply.
pub(crate) struct WholeReply {
    pub(crate) reservation: Reservation,
    pub(crate) label: Label,
    pub(crate) shape: Shape,
    /// Where the response is cached, if it may be.
    pub(crate) slot: Option<Slot>,
    /// Whether the only limit of its length is the client's own.
    pub(crate) is_client_limit: bool,
}

impl WholeReply {
    /// Reads the reply to its end, charges for it and caches it.
    pub(crate) async fn collect(
        self,
        reply: Reply,
        report: &mut Report,
    ) -> Result<Response, ApiError> {
        let mut message = ReplyMessage::default();
        let relayed = relay(reply, &mut message).await;
        // The client gets nothing of a reply that failed, so it is not charged.
        let failure = match relayed.end {
            RelayEnd::Failed(error) => errors::llm(error),
            RelayEnd::TooLong => RelayEnd::too_long(),
            end => {
                let relayed = Relayed { end, ..relayed };
                return self.respond(message, relayed, report).await;
            }
        };
        report.warn(self.reservation.release().await);
        Err(failure)
    }

    async fn respond(
        self,
        message: ReplyMessage,
        relayed: Relayed,
        report: &mut Report,
    ) -> Result<Response, ApiError> {
        let usage = self.reservation.usage(&relayed);
        report.tokens(usage.prompt_tokens, usage.completion_tokens);
        let body = self.body(&message, &relayed, usage);
        self.settle(relayed, body, report).await
    }

    fn body(
        &self,
        message: &ReplyMessage,
        relayed: &Relayed,
        usage: Usage,
    ) -> Result<String, ApiError> {
        let json = match (self.shape, &relayed.end) {
            (Shape::WorkerApi, RelayEnd::Blocked(error)) => return Err(error.clone()),
            (Shape::WorkerApi, _) => serde_json::to_string(&message.response()),
            (Shape::OpenAi, end) => {
                let completion = end.completion().cloned();
                let completion = completion.unwrap_or_else(|| content_filtered(usage));
                serde_json::to_string(&message.object(&self.label, &completion))
            }
        };
        json.map_err(|error| ApiError::internal(error.to_string()))
    }

    /// Charges for the reply and caches the response, side by side.
    async fn settle(
        self,
        relayed: Relayed,
        body: Result<String, ApiError>,
        report: &mut Report,
    ) -> Result<Response, ApiError> {
        let is_cacheable = relayed
            .end
            .completion()
            .is_some_and(|completion| is_repeatable(completion, self.is_client_limit));
        let slot = self.slot.filter(|_| is_cacheable).zip(body.as_ref().ok());
        let stored = OptionFuture::from(slot.map(|(slot, body)| slot.store(body.clone())));
        let settled = self.reservation.settle(&self.label.model, &relayed);
        let (settled, stored) = join(settled, stored).await;
        report.warn(settled);
        report.warn(stored.unwrap_or(Ok(())));
        body.map(|body| Response::bytes(JSON, body.into_bytes()))
    }
}

/// Whether this completion may be returned for an equal request.
fn is_repeatable(completion: &Completion, is_client_limit: bool) -> bool {
    match &completion.finish_reason {
        FinishReason::Stop | FinishReason::ToolCalls => true,
        FinishReason::Length => is_client_limit,
        FinishReason::ContentFilter | FinishReason::Other(_) => false,
    }
}
