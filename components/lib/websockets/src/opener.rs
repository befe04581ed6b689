//! Who opens a socket.

use contracts::identity::types::Scope;
use contracts::messaging::connections::Owner;
use http_edge::{ApiError, Context, Response};
use realtime_events::{owner_of, owner_of_ticket};
use serde::Deserialize;

use crate::protocol::Events;

/// The subprotocol, which a client may offer together with a ticket.
const SUBPROTOCOL: &str = "goldfish";
/// After so many seconds without a message the proxy asks for news.
const CHECK_SECONDS: &str = "25";

#[derive(Deserialize)]
struct Query {
    token: Option<String>,
}

/// Who opens a socket, and with what.
#[derive(Debug)]
pub struct Opener {
    /// The user, and the session or API key.
    pub owner: Owner,
    /// Whether the credentials of the request come with each later one. A ticket does not.
    pub has_credentials: bool,
    has_subprotocol: bool,
}

impl Opener {
    /// The opener of the socket that the request asks for. A ticket is used up.
    ///
    /// # Errors
    /// 401 without valid credentials, 403 for a page of another origin or an API key without the scope `read`.
    pub async fn of(context: &mut Context) -> Result<Self, ApiError> {
        if let Some(origin) = context.head.origin()
            && !context.is_own_site(origin)
        {
            return Err(ApiError::Forbidden(
                "WebSockets from this origin are not allowed.",
            ));
        }
        let (has_subprotocol, ticket) = offered(context);
        let (owner, has_credentials) = match ticket.or(context.query::<Query>()?.token) {
            Some(ticket) => (owner_of_ticket(ticket).await?, false),
            None => {
                let principal = access::authenticate(context).await?;
                access::require_scope(&principal, Scope::Read)?;
                (owner_of(&principal), true)
            }
        };
        context.log.user(&owner.user);
        Ok(Self {
            owner,
            has_credentials,
            has_subprotocol,
        })
    }
}

/// The response that accepts a socket. The proxy gives `meta-user` back with each later request.
pub fn accepted(opener: Opener, events: Events) -> Response {
    let response = events
        .into_response()
        .header("sec-websocket-extensions", "grip; message-prefix=\"\"")
        .header("keep-alive-interval", CHECK_SECONDS)
        .header("set-meta-user", opener.owner.user);
    match opener.has_subprotocol {
        true => response.header("sec-websocket-protocol", SUBPROTOCOL),
        false => response,
    }
}

/// Whether the client offers the subprotocol, and the ticket that it offers beside it.
fn offered(context: &Context) -> (bool, Option<String>) {
    let offered = context.head.header("sec-websocket-protocol");
    let offered: Vec<&str> = offered
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .collect();
    if !offered.contains(&SUBPROTOCOL) {
        return (false, None);
    }
    let ticket = offered
        .iter()
        .find(|name| **name != SUBPROTOCOL && !name.is_empty());
    (true, ticket.map(|ticket| (*ticket).to_owned()))
}
