//! What is done at each event of a socket.

use contracts::messaging::connections::CheckResult;
use http_edge::{ApiError, Context};
use websockets::{Events, Kind};

use crate::socket::{Follower, Socket};
use crate::{follow, frames, messages, tick};

impl Kind for Follower {
    fn state(&self) -> String {
        self.to_text()
    }

    fn error(code: &str, sentence: &str) -> String {
        messages::error(code, sentence, None)
    }

    async fn text(
        context: &mut Context,
        socket: &mut Socket,
        text: &[u8],
        out: &mut Events,
    ) -> Result<bool, ApiError> {
        frames::receive(context, socket, text, out).await;
        Ok(true)
    }

    async fn pong(
        context: &mut Context,
        socket: &mut Socket,
        content: &[u8],
        out: &mut Events,
    ) -> Result<bool, ApiError> {
        follow::resume_from_pong(context, socket, content, out).await;
        Ok(true)
    }

    async fn checked(
        context: &mut Context,
        socket: &mut Socket,
        found: CheckResult,
        out: &mut Events,
    ) -> Result<bool, ApiError> {
        tick::tell(found, out);
        tick::tidy_in_background(context, socket.now).await;
        Ok(true)
    }
}
