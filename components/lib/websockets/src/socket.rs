//! A socket that is open, and what becomes of the events of its client.

use std::future::Future;

use contracts::identity::types::{AuthError, Principal};
use contracts::messaging::connections::{self, CheckResult};
use http_edge::{ApiError, Context, Response};
use realtime_events::{CHECK, tell_later_if_offline};
use unix_time::now_ms;

use crate::limits::{MESSAGE_MAX, MessageCounter};
use crate::protocol::{Event, Events};

/// The time between two checks of a socket, in milliseconds.
const CHECK_TIME: u64 = 20_000;

/// What is special about a kind of socket. Functions that return a bool return false if they have closed the socket.
pub trait Kind: Sized {
    /// What the proxy keeps with the socket, without line breaks.
    fn state(&self) -> String;

    /// An error as a message to the client.
    fn error(code: &str, sentence: &str) -> String;

    /// Answers a text of the client.
    fn text(
        context: &mut Context,
        socket: &mut Socket<Self>,
        text: &[u8],
        out: &mut Events,
    ) -> impl Future<Output = Result<bool, ApiError>>;

    /// Answers the client's pong. It may be to another ping than one of this kind.
    fn pong(
        context: &mut Context,
        socket: &mut Socket<Self>,
        content: &[u8],
        out: &mut Events,
    ) -> impl Future<Output = Result<bool, ApiError>>;

    /// Tells the client how things stand. The socket may stay open, as far as its user is concerned.
    fn checked(
        context: &mut Context,
        socket: &mut Socket<Self>,
        found: CheckResult,
        out: &mut Events,
    ) -> impl Future<Output = Result<bool, ApiError>>;
}

/// A socket that is open. The proxy keeps it: it gives `Set-Meta-X` of a response back as `Meta-X` with each request.
#[derive(Debug)]
pub struct Socket<K> {
    /// The proxy's id of the connection.
    pub id: String,
    /// The user who opened it.
    pub user: String,
    /// Whether the credentials of the request that opened it come with each request. A ticket does not.
    pub has_credentials: bool,
    /// The time of this request, in milliseconds since the epoch.
    pub now: u64,
    /// What is special about it.
    pub kind: K,
    /// When the database was last asked whether it may stay open.
    checked_at: u64,
    counter: MessageCounter,
}

impl<K: Kind> Socket<K> {
    /// A socket that is opened now.
    pub fn new(id: String, user: String, has_credentials: bool, kind: K) -> Self {
        let now = now_ms();
        Self {
            id,
            user,
            has_credentials,
            now,
            kind,
            checked_at: now,
            counter: MessageCounter::default(),
        }
    }

    fn parse(id: String, user: &str, state: &str, kind: impl FnOnce(&str) -> K) -> Self {
        let mut parts = state.splitn(5, ' ');
        let mut number = || {
            let text = parts.next().unwrap_or_default();
            text.parse::<u64>().unwrap_or_default()
        };
        let has_credentials = number() == 1;
        let checked_at = number();
        let counter = MessageCounter {
            since: number(),
            messages: u32::try_from(number()).unwrap_or(u32::MAX),
        };
        let kind = kind(parts.next().unwrap_or_default());
        Self {
            checked_at,
            counter,
            ..Self::new(id, user.to_owned(), has_credentials, kind)
        }
    }

    fn state(&self) -> String {
        format!(
            "{} {} {} {} {}",
            u8::from(self.has_credentials),
            self.checked_at,
            self.counter.since,
            self.counter.messages,
            self.kind.state(),
        )
    }

    /// Adds to a response what the proxy is to keep.
    pub fn keep(&self, response: Response) -> Response {
        response.header("set-meta-state", self.state())
    }

    /// The user whose credentials come with the request; none if they are not valid any more.
    ///
    /// # Errors
    /// 503 if they cannot be checked.
    pub async fn principal(&self, context: &mut Context) -> Result<Option<Principal>, ApiError> {
        match access::try_authenticate(context).await? {
            Ok(principal) => Ok((principal.user.id == self.user).then_some(principal)),
            Err(error @ AuthError::Unavailable(_)) => Err(error_mapping::identity(error)),
            Err(_) => Ok(None),
        }
    }

    async fn is_signed_in(&self, context: &mut Context) -> Result<bool, ApiError> {
        match access::try_authenticate(context).await? {
            Ok(principal) => Ok(principal.user.id == self.user),
            // A later check knows it.
            Err(AuthError::Unavailable(_)) => Ok(true),
            Err(_) => Ok(false),
        }
    }

    /// Closes the socket of a user who has signed out; false.
    ///
    /// # Errors
    /// 503 if the database fails.
    pub async fn sign_out(&self, out: &mut Events) -> Result<bool, ApiError> {
        connections::close(self.id.clone())
            .await
            .map_err(error_mapping::messaging)?;
        out.close(4401, "Sign in again.");
        Ok(false)
    }

    /// Whether the socket may stay open; false if it was closed.
    async fn check(&mut self, context: &mut Context, out: &mut Events) -> Result<bool, ApiError> {
        self.checked_at = self.now;
        if self.has_credentials && !self.is_signed_in(context).await? {
            return self.sign_out(out).await;
        }
        // Signing out removes it.
        let found = connections::check(self.id.clone())
            .await
            .map_err(error_mapping::messaging)?;
        match found {
            Some(found) => K::checked(context, self, found, out).await,
            None => self.sign_out(out).await,
        }
    }

    async fn answer(
        &mut self,
        context: &mut Context,
        events: Vec<Event>,
        out: &mut Events,
    ) -> Result<(), ApiError> {
        let is_due = self.now.saturating_sub(self.checked_at) >= CHECK_TIME;
        if (is_due || events.is_empty()) && !self.check(context, out).await? {
            return Ok(());
        }
        for event in events {
            if !self.answer_event(context, event, out).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn answer_event(
        &mut self,
        context: &mut Context,
        event: Event,
        out: &mut Events,
    ) -> Result<bool, ApiError> {
        match event {
            Event::Open => Ok(true),
            Event::Text(_) if !self.counter.admits(self.now) => {
                let sentence = "More than 100 messages in a minute.";
                out.json(&K::error("RATE_LIMITED", sentence));
                out.close(4429, "Too many messages.");
                Ok(false)
            }
            Event::Text(text) if text.len() > MESSAGE_MAX => {
                let sentence = "A message has at most 65536 bytes.";
                out.json(&K::error("PAYLOAD_TOO_LARGE", sentence));
                Ok(true)
            }
            Event::Text(text) => K::text(context, self, &text, out).await,
            Event::Binary => {
                let sentence = "Messages are JSON texts; binary ones are not accepted.";
                out.json(&K::error("UNSUPPORTED_MEDIA_TYPE", sentence));
                Ok(true)
            }
            Event::Ping(content) => {
                out.pong(&content);
                Ok(true)
            }
            // Something that may have ended what the socket follows.
            Event::Pong(content) if content == CHECK.as_bytes() => self.check(context, out).await,
            Event::Pong(content) => K::pong(context, self, &content, out).await,
            Event::Close(content) => {
                self.forget(context).await?;
                out.close_as(&content);
                Ok(false)
            }
            Event::Disconnect => {
                self.forget(context).await?;
                Ok(false)
            }
        }
    }

    /// The client has gone.
    async fn forget(&self, context: &mut Context) -> Result<(), ApiError> {
        let was_last = connections::close(self.id.clone())
            .await
            .map_err(error_mapping::messaging)?;
        if was_last {
            tell_later_if_offline(context, self.user.clone());
        }
        Ok(())
    }
}

/// Answers the events of a socket's client. `kind` makes of the state that the proxy has kept what is special about it.
pub async fn answer<K: Kind>(
    context: &mut Context,
    id: String,
    events: Vec<Event>,
    kind: impl FnOnce(&str) -> K,
) -> Response {
    let mut out = Events::default();
    let Some(user) = context.head.header("meta-user") else {
        out.close(4400, "This socket is not open.");
        return out.into_response();
    };
    let state = context.head.header("meta-state").unwrap_or_default();
    let mut socket = Socket::parse(id, user, state, kind);
    if let Err(error) = socket.answer(context, events, &mut out).await {
        // The socket stays open, whatever fails here.
        context.log.error(&error);
        let public = error.public();
        out.json(&K::error(public.code, &public.sentence));
    }
    socket.keep(out.into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Letters(String);

    impl Kind for Letters {
        fn state(&self) -> String {
            self.0.clone()
        }

        fn error(code: &str, _: &str) -> String {
            code.to_owned()
        }

        async fn text(
            _: &mut Context,
            _: &mut Socket<Self>,
            _: &[u8],
            _: &mut Events,
        ) -> Result<bool, ApiError> {
            Ok(true)
        }

        async fn pong(
            _: &mut Context,
            _: &mut Socket<Self>,
            _: &[u8],
            _: &mut Events,
        ) -> Result<bool, ApiError> {
            Ok(true)
        }

        async fn checked(
            _: &mut Context,
            _: &mut Socket<Self>,
            _: CheckResult,
            _: &mut Events,
        ) -> Result<bool, ApiError> {
            Ok(true)
        }
    }

    #[test]
    fn parse_reads_what_state_writes() {
        let mut socket = Socket::new("k".into(), "user_1".into(), true, Letters("a b".into()));
        assert!(socket.counter.admits(7));
        let read = Socket::parse("k".into(), "user_1", &socket.state(), |text| {
            Letters(text.to_owned())
        });
        assert_eq!(read.state(), socket.state());
        assert!(read.has_credentials);
        assert_eq!(read.kind.0, "a b");
        let empty = Socket::parse("k".into(), "user_1", "", |text| Letters(text.to_owned()));
        assert!(!empty.has_credentials && empty.kind.0.is_empty());
    }
}
