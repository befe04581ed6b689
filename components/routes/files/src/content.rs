//! `GET /api/v1/files/:id/content`: the content of a file, or a part of it.

use contracts::{
    files::{
        files,
        types::{ByteRange, Error, File},
    },
    quota::limits::Action,
};
use http_edge::{
    ApiError, BodyWriter, Context, LogRecord, Response, conditional,
    content_disposition::{self, Disposition},
    range::{self, Requested},
};
use serde::Deserialize;
use spin_sdk::variables;
use spin_sdk::wit_bindgen::{FutureReader, StreamReader, StreamResult};

use crate::attached;

/// Most bytes of one read.
const BUFFER: usize = 64 * 1024;
/// For how long a picture that everybody may read may be kept, in seconds.
const PUBLIC_MAX_AGE: u32 = 86_400;

/// Media types that browsers show without running anything in them.
const INLINE: [&str; 7] = [
    "image/jpeg",
    "image/png",
    "image/gif",
    "image/webp",
    "image/avif",
    "application/pdf",
    "text/plain",
];

/// A signature of a URL that needs no credential.
#[derive(Deserialize)]
struct Signed {
    expires: Option<u64>,
    signature: Option<String>,
}

/// The bytes of a part of a file, and whether all of them were sent.
type Content = (StreamReader<u8>, FutureReader<Result<(), Error>>);

/// How far a file may be kept by caches.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Audience {
    /// Whoever was just authenticated.
    User,
    /// Whoever has the URL.
    Link,
    Public,
}

pub(crate) async fn show_content(context: &mut Context) -> Result<Response, ApiError> {
    let (file, audience) = readable(context).await?;
    let tag = &file.id;
    let cached = context.head.header("if-none-match");
    if cached.is_some_and(|tags| conditional::matches_etag(tags, tag)) {
        return Ok(common(Response::empty(304), &file, audience));
    }
    let header = |name| context.head.header(name);
    let is_head = context.head.method == "HEAD";
    // A range is defined for GET only (RFC 9110, section 14.2).
    let wanted = header("range").filter(|_| !is_head);
    let (status, part) = match range::requested(wanted, header("if-range"), tag, file.size) {
        Requested::All => (200, 0..file.size),
        Requested::Part(part) => (206, part),
        Requested::Unsatisfiable => return Err(ApiError::RangeNotSatisfiable(file.size)),
    };
    let length = part.end.saturating_sub(part.start);
    let content = if is_head || length == 0 {
        None
    } else {
        let range = ByteRange {
            start: part.start,
            end: part.end,
        };
        let opened = files::open(file.owner.clone(), file.id.clone(), range).await;
        Some(opened.map_err(|error| error_mapping::files(error, "id"))?)
    };
    let mut response = Response::streamed(content_type(&file), length, |body, log| {
        send(content, body, log)
    });
    if status == 206 {
        let last = part.end.saturating_sub(1);
        let range = format!("bytes {}-{last}/{}", part.start, file.size);
        response = response.status(206).header("content-range", range);
    }
    let response = with_safety(response.header("accept-ranges", "bytes"), &file);
    Ok(common(response, &file, audience))
}

/// The file, if the credential or the signature of the request allows to read it.
async fn readable(context: &mut Context) -> Result<(File, Audience), ApiError> {
    let signed: Signed = context.query()?;
    if let Some(signature) = signed.signature {
        admit(context).await?;
        let id = context.uuid("id", error_mapping::FILE)?;
        let expires = signed.expires.unwrap_or_default();
        return match files::redeem(id, expires, signature).await {
            Ok(file) => Ok((file, Audience::Link)),
            Err(Error::NotFound) => Err(ApiError::Forbidden(
                "The link is not valid, or has expired.",
            )),
            Err(error) => Err(error_mapping::files(error, "id")),
        };
    }
    let is_public = variables::get("public_files").await;
    if is_public.is_ok_and(|value| value.trim() == "on") {
        admit(context).await?;
        let id = context.uuid("id", error_mapping::FILE)?;
        match file_transfer::readable(None, &id, attached::may_read).await {
            Ok(file) => return Ok((file, Audience::Public)),
            Err(ApiError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    let user = access::require_user(context).await?.user;
    let id = context.uuid("id", error_mapping::FILE)?;
    let file = file_transfer::readable(Some(&user.id), &id, attached::may_read).await?;
    Ok((file, Audience::User))
}

/// Counts a request without a user.
async fn admit(context: &mut Context) -> Result<(), ApiError> {
    let address = access::client_address(context);
    access::admit(context, Action::Api, &address).await
}

/// Adds the headers that every response has.
fn common(response: Response, file: &File, audience: Audience) -> Response {
    let cache = match audience {
        // A cache may store it, but has to revalidate it before each use.
        Audience::User => "private, no-cache".to_owned(),
        Audience::Link => "private, max-age=300".to_owned(),
        Audience::Public => format!("public, max-age={PUBLIC_MAX_AGE}"),
    };
    response
        .header("etag", format!("\"{}\"", file.id))
        .header("cache-control", cache)
}

/// Keeps browsers from running what is in the file.
fn with_safety(response: Response, file: &File) -> Response {
    let is_inline = is_inline(&file.media_type);
    let disposition = if is_inline {
        Disposition::Inline
    } else {
        Disposition::Attachment
    };
    let value = content_disposition::format(disposition, &file.name);
    let response = response.header("content-disposition", value);
    // Browsers' own viewers of PDF, sound and video do not work in a sandbox, and run nothing.
    let needs_sandbox = !is_inline || file.media_type.starts_with("image/");
    if !needs_sandbox {
        return response;
    }
    response.header(
        "content-security-policy",
        "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    )
}

fn is_inline(media_type: &str) -> bool {
    INLINE.contains(&media_type)
        || media_type.starts_with("audio/")
        || media_type.starts_with("video/")
}

/// The media type; text is always UTF-8.
fn content_type(file: &File) -> String {
    let media_type = &file.media_type;
    if media_type.starts_with("text/") {
        return format!("{media_type}; charset=utf-8");
    }
    media_type.clone()
}

/// Sends the content as fast as the client takes it.
async fn send(content: Option<Content>, mut body: BodyWriter, mut log: LogRecord) -> LogRecord {
    let Some((mut bytes, ended)) = content else {
        return log;
    };
    loop {
        let (result, some) = bytes.read(Vec::with_capacity(BUFFER)).await;
        if !some.is_empty() && !body.write(some).await {
            return log;
        }
        if !matches!(result, StreamResult::Complete(_)) {
            break;
        }
    }
    if let Err(error) = ended.await {
        log.error(&error_mapping::files(error, "id"));
    }
    log
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_inline_is_false_for_what_browsers_run() {
        for shown in ["image/png", "text/plain", "audio/mpeg", "application/pdf"] {
            assert!(is_inline(shown), "{shown}");
        }
        for saved in [
            "image/svg+xml",
            "text/html",
            "application/xml",
            "application/zip",
            "text/markdown",
        ] {
            assert!(!is_inline(saved), "{saved}");
        }
    }
}
