//! The resource `connection` of `spin:sqlite`.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// A connection that a component has opened. Statements run one after the other.
#[derive(Clone)]
pub struct Connection(pub(super) Arc<Lazy>);

/// A connection that is made when the first statement runs.
pub(super) struct Lazy {
    pub(super) file: PathBuf,
    pub(super) opened: Mutex<Option<rusqlite::Connection>>,
}

impl Connection {
    pub(crate) fn new(file: PathBuf) -> Self {
        Self(Arc::new(Lazy {
            file,
            opened: Mutex::new(None),
        }))
    }
}
