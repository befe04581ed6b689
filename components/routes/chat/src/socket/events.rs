//! What is done at each event of a socket.

use contracts::messaging::connections::CheckResult;
use http_edge::{ApiError, Context};
use realtime_events::expire_connections;
use spin_sdk::wasip3::wit_bindgen::spawn;
use websockets::{Events, Kind};

use super::{
    frames, join, messages,
    state::{Socket, Tab},
};

impl Kind for Tab {
    fn state(&self) -> String {
        self.to_text()
    }

    fn error(code: &str, sentence: &str) -> String {
        messages::error(code, sentence, None, None)
    }

    async fn text(
        context: &mut Context,
        socket: &mut Socket,
        text: &[u8],
        out: &mut Events,
    ) -> Result<bool, ApiError> {
        Ok(frames::receive(context, socket, text, out).await)
    }

    async fn pong(
        _: &mut Context,
        socket: &mut Socket,
        content: &[u8],
        out: &mut Events,
    ) -> Result<bool, ApiError> {
        join::from_pong(socket, content, out).await
    }

    async fn checked(
        context: &mut Context,
        socket: &mut Socket,
        _: CheckResult,
        out: &mut Events,
    ) -> Result<bool, ApiError> {
        if !join::tell_state(socket, out).await? {
            return Ok(false);
        }
        let log = context.log.background();
        spawn(async move {
            if let Err(error) = expire_connections().await {
                log.failed(&error);
            }
        });
        Ok(true)
    }
}
