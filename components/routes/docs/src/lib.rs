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

use http_edge::{ApiError, Context, Response, conditional};

/// Of all files: they are built together.
const TAG: &str = env!("EDITION");

/// Nothing but this page's own files, and no script or style within the page. The renderer's
/// pictures are in its style sheet as `data:`.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                      img-src 'self' data:; connect-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// What a path names, for [`ApiError::NotFound`].
const MISSING: &str = "File";

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

async fn show_description(context: &mut Context) -> Result<Response, ApiError> {
    Ok(send(context, &DESCRIPTION))
}

async fn show_page(context: &mut Context) -> Result<Response, ApiError> {
    let page = send(context, &PAGE);
    Ok(page.header("content-security-policy", POLICY))
}

async fn show_file(context: &mut Context) -> Result<Response, ApiError> {
    let name = context.param("file", 64, MISSING)?;
    let file = FILES.iter().find(|file| file.name == name);
    file.map(|file| send(context, file))
        .ok_or(ApiError::NotFound(MISSING))
}

fn send(context: &Context, file: &File) -> Response {
    let wanted = context.head.header("if-none-match").unwrap_or_default();
    let reply = if conditional::matches_etag(wanted, TAG) {
        Response::empty(304)
    } else {
        let accepted = context.head.header("accept-encoding").unwrap_or_default();
        match file.plain {
            Some(plain) if !conditional::accepts_gzip(accepted) => {
                Response::bytes(file.media_type, plain.to_vec())
            }
            _ => Response::bytes(file.media_type, file.gzip.to_vec())
                .header("content-encoding", "gzip"),
        }
    };
    // Kept, and asked for again: what is built anew has another tag.
    reply
        .header("etag", format!("\"{TAG}\""))
        .header("cache-control", "no-cache")
        .header("vary", "Accept-Encoding")
}
