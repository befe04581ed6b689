//! Holding responses back until a test releases them.

use std::sync::Arc;

use tokio::sync::watch;

/// Holds responses back until a test releases them, for any time. Closed at first; clones
/// are the same gate.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    /// Lets everybody through, now and from now on.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    pub(crate) async fn opened(&self) {
        // The sender lives as long as this does.
        let _ = self.0.subscribe().wait_for(|open| *open).await;
    }
}
