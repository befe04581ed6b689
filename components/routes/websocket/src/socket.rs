//! What is special about these sockets: they follow threads, channels and the user's feed.

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

    /// What [`Self::parse`] reads.
    pub(crate) fn to_text(&self) -> String {
        let (thread, typed_at) = self.typing.clone().unwrap_or_default();
        format!("{} {typed_at} {thread}", self.watched)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_reads_what_to_text_writes() {
        let follower = Follower {
            watched: 3,
            typing: Some(("t".into(), 5)),
        };
        let text = follower.to_text();
        assert_eq!(Follower::parse(&text).to_text(), text);
        assert!(Follower::parse("").typing.is_none());
    }
}
