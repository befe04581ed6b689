//! Opening a socket.

use contracts::identity::types::Scope;
use contracts::messaging::connections::{self, Owner};
use http_edge::{ApiError, Context, Response};
use realtime_events::{owner_of, owner_of_ticket, proof_name, user_name};
use serde::Deserialize;

use crate::presence;
use crate::protocol::Events;
use crate::socket::Socket;

/// The subprotocol, which a client may offer together with a ticket.
const SUBPROTOCOL: &str = "goldfish";
/// Open sockets of a user.
const SOCKETS_MAX: u32 = 50;
/// After so many seconds without a message the proxy asks for news.
const CHECK_SECONDS: &str = "25";

#[derive(Deserialize)]
struct Query {
    token: Option<String>,
}

/// Who opens a socket.
struct Opener {
    owner: Owner,
    has_credentials: bool,
}

/// Accepts a socket, or refuses it with an ordinary response.
pub(crate) async fn open(context: &mut Context, id: String) -> Result<Response, ApiError> {
    if let Some(origin) = context.head.origin()
        && !context.is_own_site(origin)
    {
        return Err(ApiError::Forbidden(
            "WebSockets from this origin are not allowed.",
        ));
    }
    let (has_subprotocol, ticket) = offered(context);
    let opener = match ticket.or(context.query::<Query>()?.token) {
        Some(ticket) => by_ticket(ticket).await?,
        None => by_credentials(context).await?,
    };
    context.log.user(&opener.owner.user);
    let opened = connections::open(id.clone(), opener.owner.clone(), None)
        .await
        .map_err(error_mapping::messaging)?;
    if opened.count > SOCKETS_MAX {
        connections::close(id)
            .await
            .map_err(error_mapping::messaging)?;
        return Err(ApiError::RateLimited(30));
    }
    if opened.is_first {
        presence::tell_in_background(context, opener.owner.user.clone());
    }
    let mut out = Events::default();
    out.open();
    out.user(&opener.owner.user);
    out.subscribe(&proof_name(&opener.owner.proof));
    out.subscribe(&user_name(&opener.owner.user));
    let socket = Socket::new(id, opener.owner.user.clone(), opener.has_credentials);
    let mut response = out
        .into_response()
        .header("sec-websocket-extensions", "grip; message-prefix=\"\"")
        .header("keep-alive-interval", CHECK_SECONDS)
        .header("set-meta-user", opener.owner.user);
    if has_subprotocol {
        response = response.header("sec-websocket-protocol", SUBPROTOCOL);
    }
    Ok(socket.keep(response))
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

async fn by_ticket(ticket: String) -> Result<Opener, ApiError> {
    Ok(Opener {
        owner: owner_of_ticket(ticket).await?,
        has_credentials: false,
    })
}

async fn by_credentials(context: &mut Context) -> Result<Opener, ApiError> {
    let principal = access::authenticate(context).await?;
    access::require_scope(&principal, Scope::Read)?;
    Ok(Opener {
        owner: owner_of(&principal),
        has_credentials: true,
    })
}
