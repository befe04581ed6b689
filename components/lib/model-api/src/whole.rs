//! A reply that is sent as one JSON object.

use completion::{RelayEnd, Relayed, Reply, Report, Reservation, Silence, Sink, Stop, relay};
use contracts::llm::types::{Completion, Delta, Error};
use http_edge::ApiError;

use crate::stream::content_filtered;

/// A reply that was read to its end and paid for.
pub struct WholeReply {
    /// All deltas.
    pub deltas: Vec<Delta>,
    /// How it ended.
    pub completion: Completion,
}

#[derive(Default)]
struct Collector(Vec<Delta>);

impl Sink for Collector {
    async fn send(&mut self, deltas: Vec<Delta>) -> Result<(), Stop> {
        self.0.extend(deltas);
        Ok(())
    }

    /// A response that is not streamed is completed even if its client has disconnected.
    async fn silence(&mut self) -> Silence {
        std::future::pending().await
    }
}

/// Reads a reply to its end and charges for it. The client gets nothing of a reply that failed, so it is
/// not charged.
///
/// # Errors
/// The error of the model.
pub async fn collect(
    reply: Reply,
    reservation: Reservation,
    requested: &str,
    error_of: impl FnOnce(Error) -> ApiError,
    report: &mut Report,
) -> Result<WholeReply, ApiError> {
    let mut collector = Collector::default();
    let Relayed {
        end,
        generated,
        resolved,
    } = relay(reply, &mut collector).await;
    let failure = match end {
        RelayEnd::Failed(error) => error_of(error),
        RelayEnd::TooLong => RelayEnd::too_long(),
        end => {
            let relayed = Relayed {
                end,
                generated,
                resolved,
            };
            let usage = reservation.usage(&relayed);
            report.tokens(usage.prompt_tokens, usage.completion_tokens);
            report.warn(reservation.settle(requested, &relayed).await);
            let completion = relayed.end.completion().cloned();
            return Ok(WholeReply {
                deltas: collector.0,
                completion: completion.unwrap_or_else(|| content_filtered(usage)),
            });
        }
    };
    report.warn(reservation.release().await);
    Err(failure)
}
