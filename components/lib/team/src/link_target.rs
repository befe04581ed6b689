//! URLs of files that users show to each other.

use http_edge::{ApiError, Context, is_loopback_origin};
use url::Url;

/// Requires that an attachment is a file of this server or of an origin that the operator has named
/// (400): another site would learn who reads the message, and could exchange the file.
///
/// # Errors
/// 400 with the path `path`.
pub fn require_own_url(context: &Context, path: &str, url: &str) -> Result<(), ApiError> {
    let is_own = match Url::parse(url) {
        // A path of this server. Two slashes, or one and a backslash, begin with a host.
        Err(_) => {
            url.starts_with('/')
                && !url.starts_with("//")
                && !url.contains('\\')
                && !url.contains(char::is_control)
        }
        Ok(absolute) => is_trusted(context, &absolute),
    };
    if is_own {
        return Ok(());
    }
    let message =
        "must be a path of this server, such as `/api/v1/files/…`, or a URL of a trusted origin";
    Err(ApiError::invalid(path, message))
}

fn is_trusted(context: &Context, url: &Url) -> bool {
    if !matches!(url.scheme(), "http" | "https") {
        return false;
    }
    let origin = url.origin().ascii_serialization();
    // The host of a request is the client's choice, except for its own machine.
    let is_local = is_loopback_origin(&origin)
        && context.own_origin(access::is_https(context)).as_deref() == Some(origin.as_str());
    context.is_named_origin(&origin) || is_local
}
