//! `GET /openapi.json`: the description of the API. `GET /docs`: Swagger UI for it. The library
//! `api-description` writes `openapi.json`; `build.rs` prepares the files of the page.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

use http_edge::{ApiError, Context, Response, conditional};

/// The entity tag of all files, which are built together.
const TAG: &str = env!("EDITION");

/// The page loads only its own files and has no inline scripts or styles. Swagger UI has its images in
/// the style sheet as `data:` URLs.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                      img-src 'self' data:; connect-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// The name of a missing file, for [`ApiError::NotFound`].
const MISSING: &str = "File";

struct File {
    name: &'static str,
    media_type: &'static str,
    /// For clients that do not accept gzip. None for files that only browsers load, which all accept
    /// it.
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

static FILES: [File; 5] = [
    File {
        name: "page.js",
        media_type: "text/javascript; charset=utf-8",
        plain: Some(built!("page.js")),
        gzip: built!("page.js.gz"),
    },
    File {
        name: "page.css",
        media_type: "text/css; charset=utf-8",
        plain: Some(built!("page.css")),
        gzip: built!("page.css.gz"),
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
    let if_none_match = context.head.header("if-none-match").unwrap_or_default();
    let response = if conditional::matches_etag(if_none_match, TAG) {
        Response::empty(304)
    } else {
        let accept_encoding = context.head.header("accept-encoding").unwrap_or_default();
        match file.plain {
            Some(plain) if !conditional::accepts_gzip(accept_encoding) => {
                Response::bytes(file.media_type, plain.to_vec())
            }
            _ => Response::bytes(file.media_type, file.gzip.to_vec())
                .header("content-encoding", "gzip"),
        }
    };
    // Cached, and checked each time: a new build has another tag.
    response
        .header("etag", format!("\"{TAG}\""))
        .header("cache-control", "no-cache")
        .header("vary", "Accept-Encoding")
}
