//! `GET /openapi.json`: the description of the API; `GET /docs`: a page to read and try it on
//! (Swagger UI). Both are bytes: `openapi.json` is put together by the library `api-description`, the rest
//! by `build.rs`.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

use http_edge::{ApiError, Context, Reply};

/// Of all files: they are built together.
const ETAG: &str = concat!("\"", env!("EDITION"), "\"");

/// Nothing but this page's own files, and no script or style within the page. The renderer's
/// pictures are in its style sheet as `data:`.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                      img-src 'self' data:; connect-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

struct File {
    name: &'static str,
    media_type: &'static str,
    /// For clients that take nothing else. Browsers all take gzip, and so what only they load is
    /// not kept twice.
    plain: Option<&'static [u8]>,
    gzip: &'static [u8],
}

macro_rules! built {
    ($name:literal) => {
        include_bytes!(concat!(env!("OUT_DIR"), "/", $name))
    };
}

static DESCRIPTION: File = File {
    name: "openapi.json",
    media_type: "application/json",
    plain: Some(built!("openapi.json")),
    gzip: built!("openapi.json.gz"),
};

static PAGE: File = File {
    name: "index.html",
    media_type: "text/html; charset=utf-8",
    plain: Some(built!("index.html")),
    gzip: built!("index.html.gz"),
};

static FILES: [File; 4] = [
    File {
        name: "page.js",
        media_type: "text/javascript; charset=utf-8",
        plain: Some(built!("page.js")),
        gzip: built!("page.js.gz"),
    },
    File {
        name: "swagger-ui-bundle.js",
        media_type: "text/javascript; charset=utf-8",
        plain: None,
        gzip: built!("swagger-ui-bundle.js.gz"),
    },
    File {
        name: "swagger-ui.css",
        media_type: "text/css; charset=utf-8",
        plain: None,
        gzip: built!("swagger-ui.css.gz"),
    },
    File {
        name: "favicon-32x32.png",
        media_type: "image/png",
        plain: Some(built!("favicon-32x32.png")),
        gzip: built!("favicon-32x32.png.gz"),
    },
];

http_edge::routes! {
    GET "/openapi.json" => show_description,
    GET "/docs" => show_page,
    GET "/docs/:file" => show_file,
}

async fn show_description(context: &mut Context) -> Result<Reply, ApiError> {
    Ok(send(context, &DESCRIPTION))
}

async fn show_page(context: &mut Context) -> Result<Reply, ApiError> {
    let page = send(context, &PAGE);
    Ok(page.header("content-security-policy", POLICY))
}

async fn show_file(context: &mut Context) -> Result<Reply, ApiError> {
    let name = context.param("file", 64)?;
    let file = FILES.iter().find(|file| file.name == name);
    file.map(|file| send(context, file))
        .ok_or(ApiError::NotFound)
}

fn send(context: &Context, file: &File) -> Reply {
    let has = context.head.header("if-none-match");
    let reply = if has.is_some_and(names_this) {
        Reply::empty(304)
    } else {
        let takes_gzip = context.head.header("accept-encoding").is_some_and(is_gzip);
        match file.plain {
            Some(plain) if !takes_gzip => Reply::bytes(file.media_type, plain.to_vec()),
            _ => {
                Reply::bytes(file.media_type, file.gzip.to_vec()).header("content-encoding", "gzip")
            }
        }
    };
    // Kept, and asked for again: what is built anew has another tag.
    reply
        .header("etag", ETAG)
        .header("cache-control", "no-cache")
        .header("vary", "Accept-Encoding")
}

/// Whether `If-None-Match` names these files (RFC 9110, section 13.1.2).
fn names_this(list: &str) -> bool {
    list.split(',')
        .map(|tag| tag.trim().trim_start_matches("W/"))
        .any(|tag| tag == ETAG || tag == "*")
}

/// Whether `Accept-Encoding` names gzip without refusing it.
fn is_gzip(list: &str) -> bool {
    list.split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_named = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let weight = parts.find_map(|part| part.strip_prefix("q="));
        let is_refused = weight.is_some_and(|weight| weight.parse() == Ok(0.0));
        is_named && !is_refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_for_who_takes_it() {
        for yes in ["gzip", "br, GZIP;q=0.5", "deflate, gzip; q=1"] {
            assert!(is_gzip(yes), "{yes}");
        }
        for no in ["", "br", "gzip;q=0", "gzip; q=0.0, br", "x-gzip"] {
            assert!(!is_gzip(no), "{no}");
        }
    }

    #[test]
    fn tags_are_compared_weakly() {
        let weak = format!("\"other\", W/{ETAG}");
        for yes in [ETAG, weak.as_str(), "*"] {
            assert!(names_this(yes), "{yes}");
        }
        for no in ["", "\"other\"", ETAG.trim_matches('"')] {
            assert!(!names_this(no), "{no}");
        }
    }
}
