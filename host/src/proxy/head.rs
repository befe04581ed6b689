//! A client's request without its body.

use std::net::SocketAddr;

use ::http::{HeaderMap, Method};

/// What is known of a request after its body is gone.
pub(super) struct Head {
    pub(super) method: Method,
    /// The path with the query.
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) peer: SocketAddr,
}
