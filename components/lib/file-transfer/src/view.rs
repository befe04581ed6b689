//! A file as JSON, and its URL.

use contracts::files::types::{File, Purpose};
use http_edge::Context;
use serde::Serialize;

/// A file as clients see it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileView {
    id: String,
    name: String,
    media_type: String,
    size: u64,
    purpose: &'static str,
    url: String,
    created_at: u64,
}

impl FileView {
    /// The file for the client of that request.
    pub fn new(context: &Context, file: &File) -> Self {
        Self {
            id: file.id.clone(),
            name: file.name.clone(),
            media_type: file.media_type.clone(),
            size: file.size,
            purpose: purpose_name(file.purpose),
            url: content_url(context, &file.id),
            created_at: file.created_at,
        }
    }
}

/// The path of a file's content.
pub fn content_path(id: &str) -> String {
    format!("/api/v1/files/{id}/content")
}

/// The URL of a file's content.
pub fn content_url(context: &Context, id: &str) -> String {
    let origin = context.own_origin(access::is_https(context));
    format!("{}{}", origin.unwrap_or_default(), content_path(id))
}

fn purpose_name(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::File => "file",
        Purpose::Avatar => "avatar",
        Purpose::Banner => "banner",
        Purpose::ChannelIcon => "channelIcon",
        Purpose::ChannelBanner => "channelBanner",
        Purpose::MessageImage => "messageImage",
        Purpose::MessageAttachment => "messageAttachment",
    }
}
