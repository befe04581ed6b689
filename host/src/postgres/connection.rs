//! The resources of `spin:postgres`.

use std::sync::Arc;

use deadpool_postgres::Object;

/// A connection that a component has opened. It goes back to its pool when the last clone is dropped:
/// statements that run have one.
#[derive(Clone)]
pub struct Client(pub(super) Arc<Object>);

/// A connection that a component is about to make.
pub struct ConnectionBuilder {
    pub(crate) address: String,
    /// A certificate in PEM that is trusted in addition to the Mozilla roots.
    pub(crate) root: Option<String>,
}

impl Client {
    pub(super) fn new(connection: Object) -> Self {
        Self(Arc::new(connection))
    }
}
