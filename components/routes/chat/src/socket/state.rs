//! What the proxy keeps with a socket: it gives `Set-Meta-X` back as `Meta-X` with each request.

use http_edge::{Context, Response};
use unix_time::now_ms;
use websockets::MessageCounter;

/// A socket that is open.
pub(crate) struct Socket {
    pub(crate) id: String,
    pub(crate) user: String,
    pub(crate) conversation: String,
    /// Whether the credentials of the request that opened it come with each request. A ticket does not.
    pub(crate) has_credentials: bool,
    /// Whether it was opened with the ticket of a session. The limits of an API key are not known from a ticket.
    pub(crate) is_of_session: bool,
    pub(crate) counter: MessageCounter,
    /// When it was opened, in milliseconds since the epoch.
    pub(crate) opened_at: u64,
    /// When the database was last asked whether it may stay open.
    pub(crate) checked_at: u64,
    /// When the others were last told that the user types here; 0: the user does not.
    pub(crate) typed_at: u64,
    /// The reply that is read from the store for this socket, or was last.
    pub(crate) joined: Option<String>,
    pub(crate) now: u64,
}

impl Socket {
    pub(crate) fn new(
        id: String,
        user: String,
        conversation: String,
        has_credentials: bool,
        is_of_session: bool,
    ) -> Self {
        let now = now_ms();
        Self {
            id,
            user,
            conversation,
            has_credentials,
            is_of_session,
            counter: MessageCounter::default(),
            opened_at: now,
            checked_at: now,
            typed_at: 0,
            joined: None,
            now,
        }
    }

    /// The socket of a request. None if it was not opened here.
    pub(crate) fn of(context: &Context, id: String, conversation: String) -> Option<Self> {
        let user = context.head.header("meta-user")?.to_owned();
        let state = context.head.header("meta-state").unwrap_or_default();
        let mut socket = Self::new(id, user, conversation, false, false);
        socket.read(state);
        Some(socket)
    }

    fn read(&mut self, state: &str) {
        let mut parts = state.split(' ');
        let mut number = || {
            let text = parts.next().unwrap_or_default();
            text.parse::<u64>().unwrap_or_default()
        };
        self.has_credentials = number() == 1;
        self.is_of_session = number() == 1;
        self.counter.since = number();
        self.counter.messages = u32::try_from(number()).unwrap_or(u32::MAX);
        self.opened_at = number();
        self.checked_at = number();
        self.typed_at = number();
        let joined = parts.next().unwrap_or_default();
        self.joined = (!joined.is_empty()).then(|| joined.to_owned());
    }

    fn state(&self) -> String {
        format!(
            "{} {} {} {} {} {} {} {}",
            u8::from(self.has_credentials),
            u8::from(self.is_of_session),
            self.counter.since,
            self.counter.messages,
            self.opened_at,
            self.checked_at,
            self.typed_at,
            self.joined.as_deref().unwrap_or_default(),
        )
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
    fn read_reads_what_state_writes() {
        let socket = || Socket::new("k".into(), "user_1".into(), "c".into(), true, false);
        let mut written = socket();
        written.joined = Some("m".into());
        written.typed_at = 5;
        assert!(written.counter.admits(7));
        let mut read = socket();
        read.read(&written.state());
        assert_eq!(read.state(), written.state());
        read.read("");
        assert!(!read.has_credentials && read.joined.is_none());
    }
}
