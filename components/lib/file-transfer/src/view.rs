//! A file as JSON, and its URL.

use contracts::{
    conversations::types::Attachment,
    files::types::{File, Purpose},
};
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

/// A file that came with a message, as clients see it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachmentView {
    id: String,
    name: String,
    media_type: String,
    size: u64,
    url: String,
}

impl AttachmentView {
    /// The attachment, for clients that reach this server at that origin (see [`origin`]).
    pub fn new(origin: &str, attachment: &Attachment) -> Self {
        Self {
            id: attachment.id.clone(),
            name: attachment.name.clone(),
            media_type: attachment.media_type.clone(),
            size: attachment.size,
            url: format!("{origin}{}", content_path(&attachment.id)),
        }
    }
}

/// The origin of this server, as the client of that request wrote it; empty if it did not.
pub fn origin(context: &Context) -> String {
    context
        .own_origin(access::is_https(context))
        .unwrap_or_default()
}

/// The path of a file's content.
pub fn content_path(id: &str) -> String {
    format!("/api/v1/files/{id}/content")
}

/// The URL of a file's content.
pub fn content_url(context: &Context, id: &str) -> String {
    format!("{}{}", origin(context), content_path(id))
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

/// The id of the file whose content has that URL. The origin does not matter: it is not what is stored.
pub fn file_of_url(url: &str) -> Option<String> {
    let path = match url.split_once("://") {
        Some((scheme, rest)) if is_http(scheme) => rest.find('/').and_then(|at| rest.get(at..))?,
        Some(_) => return None,
        None => url,
    };
    let (_, rest) = path.split_once("/files/")?;
    let id = ids::parse_uuid(rest.split('/').next()?)?;
    (path == content_path(&id)).then_some(id)
}

fn is_http(scheme: &str) -> bool {
    ["http", "https"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0191f6c2-8a3e-7c44-9b1d-2f6f0c0f7a11";

    #[test]
    fn file_of_url_is_that_of_a_content_url_of_any_origin() {
        for url in [
            format!("/api/v1/files/{ID}/content"),
            format!("https://chat.example/api/v1/files/{ID}/content"),
        ] {
            assert_eq!(file_of_url(&url).as_deref(), Some(ID), "{url}");
        }
        for url in [
            String::new(),
            format!("/api/v1/files/{ID}"),
            format!("/api/v1/files/{ID}/content?signature=a"),
            format!("/api/v1/files/{ID}/content/"),
            format!("https://chat.example/x/api/v1/files/{ID}/content"),
            format!("https://chat.example/api/v1/files/{ID}/content?a=b"),
            format!("//chat.example/api/v1/files/{ID}/content"),
            "/api/v1/files/1/content".to_owned(),
            "javascript:alert(1)".to_owned(),
            format!("ftp://chat.example/api/v1/files/{ID}/content"),
        ] {
            assert_eq!(file_of_url(&url), None, "{url}");
        }
    }
}
