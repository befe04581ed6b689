//! What is special about these sockets: they follow threads, channels and the user's feed.

use contracts::messaging::connections::CheckResult;
use http_edge::{ApiError, Context};
use websockets::{Events, Kind};

use crate::{follow, frames, messages, tick};

/// A socket that is open.
pub(crate) type Socket = websockets::Socket<Follower>;

/// What the proxy keeps with a socket.
#[derive(Debug, Default)]
pub(crate) struct Follower {
    /// The thread in which the user last was said to type, and when.
    pub(crate) typing: Option<(String, u64)>,
    /// Users whose presence it follows.
    pub(crate) watched: u32,
}

impl Follower {
    pub(crate) fn parse(state: &str) -> Self {
        let mut parts = state.split(' ');
        let mut number = || {
            let text = parts.next().unwrap_or_default();
            text.parse::<u64>().unwrap_or_default()
        };
        let watched = u32::try_from(number()).unwrap_or(u32::MAX);
        let typed_at = number();
        let thread = parts.next().unwrap_or_default();
        Self {
            typing: (!thread.is_empty()).then(|| (thread.to_owned(), typed_at)),
            watched,
        }
    }
}

impl Kind for Follower {
    fn state(&self) -> String {
        let (thread, typed_at) = self.typing.clone().unwrap_or_default();
        format!("{} {typed_at} {thread}", self.watched)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_reads_what_state_writes() {
        let follower = Follower {
            watched: 3,
            typing: Some(("t".into(), 5)),
        };
        let state = follower.state();
        assert_eq!(Follower::parse(&state).state(), state);
        assert!(Follower::parse("").typing.is_none());
    }
}
