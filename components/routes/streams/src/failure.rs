//! Errors of streams as responses of the protocol.

use std::borrow::Cow;

use contracts::streams::types::Error;
use http_edge::{ApiError, Context, ProtocolError};

use crate::{name::STREAM, position};

/// When to try again after too many readers, in seconds.
const RETRY_AFTER: u32 = 5;

/// The error, whose header fields are set on the response.
pub(crate) fn of(context: &mut Context, error: Error) -> ApiError {
    match error {
        Error::NotFound | Error::SourceNotFound => ApiError::NotFound(STREAM),
        Error::Gone => protocol(
            410,
            "GONE",
            "The stream was deleted; streams that were forked from it still need its content.",
        ),
        Error::Exists => conflict("A stream with this name exists and has another configuration."),
        Error::ContentTypeMismatch => conflict("The content type is not that of the stream."),
        Error::InvalidContent(why) => ApiError::invalid("body", why),
        Error::Closed(tail) => {
            context.set_header("stream-closed", "true");
            context.set_header("stream-next-offset", position::format(tail));
            conflict("The stream is closed.")
        }
        Error::SequenceRegression => conflict("Stream-Seq is not greater than the last one."),
        Error::SequenceGap(gap) => {
            context.set_header("producer-expected-seq", gap.expected.to_string());
            context.set_header("producer-received-seq", gap.received.to_string());
            conflict("Producer-Seq is not the next one of this producer.")
        }
        Error::StaleEpoch(current) => {
            context.set_header("producer-epoch", current.to_string());
            ApiError::Forbidden("Producer-Epoch is older than the current one of this producer.")
        }
        Error::EpochStart => {
            ApiError::invalid("Producer-Seq", "must be 0 in the first append of an epoch")
        }
        Error::SourceGone => conflict("The source of the fork was deleted."),
        Error::InvalidFork(why) => ApiError::invalid("Stream-Fork-Offset", why),
        Error::TooManyStreams(limit) => ApiError::Conflict(format!(
            "You have {limit} streams, which is the limit. Delete some."
        )),
        Error::StreamFull(limit) => too_large(format!(
            "The stream would be larger than the limit of {limit} bytes."
        )),
        Error::StorageFull(limit) => too_large(format!(
            "Your streams would be larger than the limit of {limit} bytes. Delete some."
        )),
        Error::TooManyReaders(_) => ApiError::RateLimited(RETRY_AFTER),
        Error::Unavailable(cause) => ApiError::storage_unavailable(cause),
    }
}

fn conflict(sentence: &str) -> ApiError {
    ApiError::Conflict(sentence.to_owned())
}

fn protocol(status: u16, code: &'static str, sentence: &'static str) -> ApiError {
    ApiError::ProtocolError(ProtocolError::new(status, code, sentence))
}

fn too_large(sentence: String) -> ApiError {
    ApiError::ProtocolError(ProtocolError {
        status: 413,
        code: "PAYLOAD_TOO_LARGE",
        sentence: Cow::Owned(sentence),
        cause: None,
    })
}
