//! What is special about these sockets: each is for a conversation.

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

    /// What [`Self::parse`] reads.
    pub(crate) fn to_text(&self) -> String {
        format!(
            "{} {} {} {}",
            u8::from(self.is_of_session),
            self.opened_at,
            self.typed_at,
            self.joined.as_deref().unwrap_or_default(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_reads_what_to_text_writes() {
        let tab = Tab {
            conversation: "c".into(),
            is_of_session: true,
            opened_at: 3,
            typed_at: 5,
            joined: Some("m".into()),
        };
        let text = tab.to_text();
        assert_eq!(Tab::parse("c".into(), &text).to_text(), text);
        assert!(Tab::parse("c".into(), "").joined.is_none());
    }
}
