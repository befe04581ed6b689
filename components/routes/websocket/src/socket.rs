//! What the proxy keeps with a socket: it gives `Set-Meta-X` back as `Meta-X` with each request.

use http_edge::{Context, Response};
use unix_time::now_ms;
use websockets::MessageCounter;

/// A socket that is open.
pub(crate) struct Socket {
    pub(crate) id: String,
    pub(crate) user: String,
    /// Whether the credentials of the request that opened it come with each request. A ticket does not.
    pub(crate) has_credentials: bool,
    /// When the database was last asked whether it may stay open, in milliseconds since the epoch.
    pub(crate) checked_at: u64,
    /// The thread in which the user last was said to type, and when.
    pub(crate) typing: Option<(String, u64)>,
    /// Users whose presence it follows.
    pub(crate) watched: u32,
    pub(crate) counter: MessageCounter,
    pub(crate) now: u64,
}

impl Socket {
    pub(crate) fn new(id: String, user: String, has_credentials: bool) -> Self {
        let now = now_ms();
        Self {
            id,
            user,
            has_credentials,
            checked_at: now,
            typing: None,
            watched: 0,
            counter: MessageCounter::default(),
            now,
        }
    }

    /// The socket of a request. None if it was not opened here.
    pub(crate) fn of(context: &Context, id: String) -> Option<Self> {
        let user = context.head.header("meta-user")?;
        let state = context.head.header("meta-state").unwrap_or_default();
        Some(Self::parse(id, user, state, now_ms()))
    }

    fn parse(id: String, user: &str, state: &str, now: u64) -> Self {
        let mut parts = state.split(' ');
        let mut number = || {
            let text = parts.next().unwrap_or_default();
            text.parse::<u64>().unwrap_or_default()
        };
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let has_credentials = number() == 1;
        let checked_at = number();
        let counter = MessageCounter {
            since: number(),
            messages: small(number()),
        };
        let watched = small(number());
        let typed_at = number();
        let thread = parts.next().unwrap_or_default();
        Self {
            id,
            user: user.to_owned(),
            has_credentials,
            checked_at,
            typing: (!thread.is_empty()).then(|| (thread.to_owned(), typed_at)),
            watched,
            counter,
            now,
        }
    }

    fn state(&self) -> String {
        let (thread, typed_at) = self.typing.clone().unwrap_or_default();
        format!(
            "{} {} {} {} {} {typed_at} {thread}",
            u8::from(self.has_credentials),
            self.checked_at,
            self.counter.since,
            self.counter.messages,
            self.watched,
        )
    }

    /// Counts a message; false if there were too many.
    pub(crate) fn admits_message(&mut self) -> bool {
        self.counter.admits(self.now)
    }

    /// Adds to a response what the proxy is to keep.
    pub(crate) fn keep(&self, response: Response) -> Response {
        response.header("set-meta-state", self.state())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_reads_what_state_writes() {
        let mut socket = Socket::new("k".into(), "user_1".into(), true);
        socket.watched = 3;
        socket.typing = Some(("t".into(), 5));
        assert!(socket.admits_message());
        let state = socket.state();
        let parsed = Socket::parse("k".into(), "user_1", &state, socket.now);
        assert_eq!(parsed.state(), state);
        let empty = Socket::parse("k".into(), "user_1", "", 0);
        assert!(!empty.has_credentials && empty.typing.is_none());
    }
}
