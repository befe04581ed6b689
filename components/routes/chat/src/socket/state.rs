//! What is special about these sockets: each is for a conversation.

use contracts::messaging::connections::CheckResult;
use http_edge::{ApiError, Context};
use realtime_events::expire_connections;
use spin_sdk::wasip3::wit_bindgen::spawn;
use websockets::{Events, Kind};

use super::{frames, join, messages};

/// A socket that is open.
pub(crate) type Socket = websockets::Socket<Tab>;

/// What the proxy keeps with a socket.
#[derive(Debug)]
pub(crate) struct Tab {
    pub(crate) conversation: String,
    /// Whether it was opened with the ticket of a session. The limits of an API key are not known from a ticket.
    pub(crate) is_of_session: bool,
    /// When it was opened, in milliseconds since the epoch.
    pub(crate) opened_at: u64,
    /// When the others were last told that the user types here; 0: the user does not.
    pub(crate) typed_at: u64,
    /// The reply that is read from the store for this socket, or was last.
    pub(crate) joined: Option<String>,
}

impl Tab {
    pub(crate) fn parse(conversation: String, state: &str) -> Self {
        let mut parts = state.split(' ');
        let mut number = || {
            let text = parts.next().unwrap_or_default();
            text.parse::<u64>().unwrap_or_default()
        };
        let is_of_session = number() == 1;
        let (opened_at, typed_at) = (number(), number());
        let joined = parts.next().unwrap_or_default();
        Self {
            conversation,
            is_of_session,
            opened_at,
            typed_at,
            joined: (!joined.is_empty()).then(|| joined.to_owned()),
        }
    }
}

impl Kind for Tab {
    fn state(&self) -> String {
        format!(
            "{} {} {} {}",
            u8::from(self.is_of_session),
            self.opened_at,
            self.typed_at,
            self.joined.as_deref().unwrap_or_default(),
        )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_reads_what_state_writes() {
        let tab = Tab {
            conversation: "c".into(),
            is_of_session: true,
            opened_at: 3,
            typed_at: 5,
            joined: Some("m".into()),
        };
        let state = tab.state();
        assert_eq!(Tab::parse("c".into(), &state).state(), state);
        assert!(Tab::parse("c".into(), "").joined.is_none());
    }
}
