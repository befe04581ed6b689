//! Request bodies.

use contracts::messaging::threads::{Changes, NewThread};
use serde::Deserialize;
use team::{nullable, text_change};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateThread {
    channel_id: String,
    name: String,
    description: Option<String>,
}

/// An absent field is not changed. `null` clears the description.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct UpdateThread {
    name: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    description: Option<Option<String>>,
    is_archived: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MarkRead {
    /// The number of the last message that was read.
    pub(crate) number: u64,
}

impl CreateThread {
    /// The texts that other users can read, with their paths, for moderation.
    pub(crate) fn texts(&mut self) -> Vec<(String, &mut String)> {
        let name = ("name".to_owned(), &mut self.name);
        let description = self.description.as_mut();
        let description = description.map(|text| ("description".to_owned(), text));
        std::iter::once(name).chain(description).collect()
    }
}

impl UpdateThread {
    /// The texts that other users can read, with their paths, for moderation.
    pub(crate) fn texts(&mut self) -> Vec<(String, &mut String)> {
        let name = self.name.as_mut().map(|text| ("name".to_owned(), text));
        let description = self.description.iter_mut().flatten();
        let description = description.map(|text| ("description".to_owned(), text));
        name.into_iter().chain(description).collect()
    }

    /// Whether the request changes nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.name.is_none() && self.description.is_none() && self.is_archived.is_none()
    }
}

impl From<CreateThread> for NewThread {
    fn from(request: CreateThread) -> Self {
        Self {
            channel_id: request.channel_id,
            name: request.name,
            description: request.description,
        }
    }
}

impl From<UpdateThread> for Changes {
    fn from(request: UpdateThread) -> Self {
        Self {
            name: request.name,
            description: text_change(request.description),
            is_archived: request.is_archived,
        }
    }
}
