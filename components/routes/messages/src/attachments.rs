//! The files of a message: each is one that its sender has uploaded for a message.

use contracts::{
    files::{
        files,
        types::{Error, File, Purpose},
    },
    messaging::types::{Attachment, AttachmentKind},
};
use file_transfer::{content_path, file_of_url};
use futures::future::join_all;
use http_edge::{ApiError, Context, Detail, is_loopback_origin};

use crate::requests::AttachmentRequest;

/// Most attachments of a message.
const MAX_ATTACHMENTS: usize = 10;
/// Longest media type, in characters.
const MAX_TEXT: usize = 255;
/// What is wrong with another URL, or with the file of somebody else.
const NOT_OWN: &str = "is not that of a file which you uploaded to /api/uploads/message";

/// The attachments as they are stored, with what the store knows of their files.
///
/// # Errors
/// 400 for what is not the sender's own; 503.
pub(crate) async fn own_files(
    context: &Context,
    sender: &str,
    requests: Vec<AttachmentRequest>,
) -> Result<Vec<Attachment>, ApiError> {
    if requests.len() > MAX_ATTACHMENTS {
        return Err(ApiError::invalid("attachments", "must be at most 10"));
    }
    let origin = safe_origin(context);
    let found = join_all(requests.iter().map(|request| own_file(sender, request))).await;
    let mut problems = Vec::new();
    let mut attachments = Vec::new();
    for (index, (request, found)) in requests.into_iter().zip(found).enumerate() {
        match found {
            Ok(file) => attachments.push(attachment(&origin, request.filename, file)),
            Err(Problem::Of { field, message }) => problems.push(Detail {
                path: format!("attachments[{index}].{field}"),
                message: message.to_owned(),
            }),
            Err(Problem::Store(error)) => return Err(error_mapping::files(error, "attachments")),
        }
    }
    if problems.is_empty() {
        return Ok(attachments);
    }
    Err(ApiError::Validation(problems))
}

enum Problem {
    Of {
        field: &'static str,
        message: &'static str,
    },
    Store(Error),
}

async fn own_file(sender: &str, request: &AttachmentRequest) -> Result<File, Problem> {
    let of = |field, message| Problem::Of { field, message };
    if ids::parse_uuid(&request.id).is_none() {
        return Err(of("id", "must be a UUID"));
    }
    if !(1..=MAX_TEXT).contains(&request.mime_type.chars().count())
        || !request.mime_type.contains('/')
    {
        return Err(of("mimeType", "must be a media type"));
    }
    let id = file_of_url(&request.url).ok_or(of("url", NOT_OWN))?;
    match files::get_info(Some(sender.to_owned()), id).await {
        Ok(file) if is_for_messages(file.purpose) => Ok(file),
        Ok(_) | Err(Error::NotFound) => Err(of("url", NOT_OWN)),
        Err(error) => Err(Problem::Store(error)),
    }
}

/// Files for other purposes are not deleted with a message.
fn is_for_messages(purpose: Purpose) -> bool {
    match purpose {
        Purpose::MessageImage | Purpose::MessageAttachment => true,
        Purpose::File
        | Purpose::Avatar
        | Purpose::Banner
        | Purpose::ChannelIcon
        | Purpose::ChannelBanner => false,
    }
}

/// The origin of this server as others may be told it; empty if only the client says so, whose `Host` could be
/// any: a URL would lead readers there.
fn safe_origin(context: &Context) -> String {
    let origin = context.own_origin(access::is_https(context));
    origin
        .filter(|origin| context.is_named_origin(origin) || is_loopback_origin(origin))
        .unwrap_or_default()
}

fn attachment(origin: &str, filename: String, file: File) -> Attachment {
    Attachment {
        url: format!("{origin}{}", content_path(&file.id)),
        id: file.id,
        filename,
        kind: kind(&file.media_type),
        mime_type: file.media_type,
        size: file.size,
    }
}

fn kind(media_type: &str) -> AttachmentKind {
    match media_type.split('/').next() {
        Some("image") => AttachmentKind::Image,
        Some("video") => AttachmentKind::Video,
        Some("audio") => AttachmentKind::Audio,
        _ => AttachmentKind::Document,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_is_that_of_the_media_type() {
        for (media_type, expected) in [
            ("image/png", AttachmentKind::Image),
            ("video/mp4", AttachmentKind::Video),
            ("audio/ogg", AttachmentKind::Audio),
            ("application/pdf", AttachmentKind::Document),
            ("text/plain", AttachmentKind::Document),
        ] {
            assert_eq!(kind(media_type), expected, "{media_type}");
        }
    }
}
