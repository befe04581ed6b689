//! WebSockets, as a GRIP proxy passes them on: what a client sends arrives as a request with events, and the events of
//! the response are for the client and the proxy.
//!
//! May import the contracts `goldfish:messaging` and `goldfish:realtime`, `access`, `error-mapping`, `http-edge` and
//! `realtime-events`. Knows no type of message.

mod limits;
mod opener;
mod protocol;
mod request;
mod socket;

pub use limits::{MESSAGE_MAX, MESSAGES_MAX};
pub use opener::{Opener, accepted};
pub use protocol::{Event, Events};
pub use request::{from_proxy, upgrade_required};
pub use socket::{Kind, Socket, answer};
