//! Request bodies.

use contracts::messaging::channels::{Changes, NewChannel};
use serde::Deserialize;
use team::{nullable, text_change};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateChannel {
    name: String,
    description: Option<String>,
    is_private: Option<bool>,
    category: Option<String>,
    image_url: Option<String>,
    banner_url: Option<String>,
}

/// An absent field is not changed. `null` clears a field that may be empty.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct UpdateChannel {
    name: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    description: Option<Option<String>>,
    is_private: Option<bool>,
    category: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    image_url: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    banner_url: Option<Option<String>>,
}

impl CreateChannel {
    /// The texts that other users can read, with their paths, for moderation.
    pub(crate) fn texts(&mut self) -> Vec<(String, &mut String)> {
        let name = ("name".to_owned(), &mut self.name);
        let others = [
            ("description", &mut self.description),
            ("category", &mut self.category),
        ];
        let others = others
            .into_iter()
            .filter_map(|(path, text)| Some((path.to_owned(), text.as_mut()?)));
        std::iter::once(name).chain(others).collect()
    }
}

impl UpdateChannel {
    /// The texts that other users can read, with their paths, for moderation.
    pub(crate) fn texts(&mut self) -> Vec<(String, &mut String)> {
        [
            ("name", self.name.as_mut()),
            ("description", self.description.iter_mut().flatten().next()),
            ("category", self.category.as_mut()),
        ]
        .into_iter()
        .filter_map(|(path, text)| Some((path.to_owned(), text?)))
        .collect()
    }

    /// Whether the request changes nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.name.is_none()
            && self.description.is_none()
            && self.is_private.is_none()
            && self.category.is_none()
            && self.image_url.is_none()
            && self.banner_url.is_none()
    }
}

impl From<CreateChannel> for NewChannel {
    fn from(request: CreateChannel) -> Self {
        Self {
            name: request.name,
            description: request.description,
            is_private: request.is_private.unwrap_or(false),
            category: request.category,
            image_url: request.image_url,
            banner_url: request.banner_url,
        }
    }
}

impl From<UpdateChannel> for Changes {
    fn from(request: UpdateChannel) -> Self {
        Self {
            name: request.name,
            description: text_change(request.description),
            is_private: request.is_private,
            category: request.category,
            image_url: text_change(request.image_url),
            banner_url: text_change(request.banner_url),
        }
    }
}
