//! A client's request without its body.

use std::net::SocketAddr;

use ::http::{HeaderMap, Method};

/// What is kept of a request after its body was read.
pub(super) struct Head {
    pub(super) method: Method,
    /// The path with the query.
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) peer: SocketAddr,
}
