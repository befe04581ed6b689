//! The common fields of all objects of one response.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::extra;

/// The protocol of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// OpenAI's Chat Completions.
    OpenAi,
    /// worker-api's: `{"response"}` and nothing else.
    WorkerApi,
}

/// Fields that all chunks of a response repeat.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    pub(super) id: String,
    /// Seconds since 1970-01-01T00:00:00Z.
    pub(super) created: u64,
    /// The model that replies. Until it is known, the requested one.
    pub(crate) model: String,
    /// The provider's other fields, such as `service_tier`.
    pub(super) extra: Map<String, Value>,
}

impl Label {
    /// The label of a response that begins now.
    pub(crate) fn new(model: String) -> Self {
        Self {
            id: format!("chatcmpl-{}", Uuid::new_v4().simple()),
            created: unix_time::now_seconds(),
            model,
            extra: Map::from_iter([("system_fingerprint".to_owned(), Value::Null)]),
        }
    }

    /// Takes the provider's other fields over. They hold for the following chunks too.
    pub(super) fn set_extra(&mut self, fields: &str) {
        extra::overwrite(&mut self.extra, extra::object(fields));
    }
}
