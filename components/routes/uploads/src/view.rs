//! The response to an upload.

use contracts::files::types::{File, Purpose};
use file_transfer::content_url;
use http_edge::Context;
use serde::Serialize;

/// Longest extension in a key, in characters.
const MAX_EXTENSION: usize = 10;

/// The response to one file.
#[derive(Serialize)]
pub(crate) struct Single {
    pub(crate) success: bool,
    pub(crate) data: UploadView,
}

/// The response to several files.
#[derive(Serialize)]
pub(crate) struct Several {
    pub(crate) success: bool,
    pub(crate) data: Vec<UploadView>,
    /// The files that were not stored; absent if all were.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<Failure>,
}

/// A file that was not stored.
#[derive(Serialize)]
pub(crate) struct Failure {
    /// Its place in the form, counted from 0.
    pub(crate) index: usize,
    /// The name that the client sent.
    pub(crate) filename: String,
    pub(crate) error: String,
    pub(crate) code: &'static str,
}

/// A file that was stored.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UploadView {
    id: String,
    url: String,
    key: String,
    filename: String,
    size: u64,
    mime_type: String,
}

impl UploadView {
    pub(crate) fn new(context: &Context, file: &File) -> Self {
        Self {
            id: file.id.clone(),
            url: content_url(context, &file.id),
            key: format!("{}/{}.{}", folder(file.purpose), file.id, extension(file)),
            filename: file.name.clone(),
            size: file.size,
            mime_type: file.media_type.clone(),
        }
    }
}

fn folder(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::File => "files",
        Purpose::Avatar => "profile/avatars",
        Purpose::Banner => "profile/banners",
        Purpose::ChannelIcon => "channel/icons",
        Purpose::ChannelBanner => "channel/banners",
        Purpose::MessageImage => "message/images",
        Purpose::MessageAttachment => "message/attachments",
    }
}

/// The extension of the file name: by the media type of images, from the given name of other files.
fn extension(file: &File) -> String {
    let of_type = match file.media_type.as_str() {
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "image/gif" => "gif",
        "image/webp" => "webp",
        _ => "",
    };
    if !of_type.is_empty() {
        return of_type.to_owned();
    }
    let of_name = file.name.rsplit_once('.').map_or("", |(_, rest)| rest);
    let is_plain = (1..=MAX_EXTENSION).contains(&of_name.len())
        && of_name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_plain {
        of_name.to_ascii_lowercase()
    } else {
        "bin".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extension_is_that_of_the_content_or_a_plain_one_of_the_name() {
        let file = |name: &str, media_type: &str| File {
            id: String::new(),
            owner: String::new(),
            name: name.to_owned(),
            media_type: media_type.to_owned(),
            purpose: Purpose::MessageAttachment,
            size: 0,
            created_at: 0,
        };
        for (name, media_type, expected) in [
            ("a.png", "image/jpeg", "jpg"),
            ("a.PDF", "application/pdf", "pdf"),
            ("a.tar.gz", "application/gzip", "gz"),
            ("a.é", "text/plain", "bin"),
            ("a", "text/plain", "bin"),
            ("a.averylongextension", "text/plain", "bin"),
        ] {
            assert_eq!(extension(&file(name, media_type)), expected, "{name}");
        }
    }
}
