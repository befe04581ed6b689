//! `GET /`, `/c/:id`, `/new`, `/new-password`, `/channels/...` and `/invitation/:token`: the page; and its
//! files. The source is in `page`, the built files are in `assets`.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

mod asset;
mod assets;

use http_edge::{ApiError, Context, Response, conditional};

use asset::Asset;

/// Longest name of an asset.
const LONGEST_NAME: usize = 64;
/// What a path names, for [`ApiError::NotFound`].
const FILE: &str = "File";

/// The page loads only from this origin and runs only its own files, so that a script in a reply
/// cannot run. Browsers with Trusted Types also refuse to turn text into HTML or code. `blob:` is for the
/// images that a user is about to send.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; \
                      img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'; require-trusted-types-for 'script'; \
                      trusted-types 'none'";

http_edge::routes! {
    GET "/" => show_page,
    GET "/c/:id" => show_page,
    GET "/new" => show_page,
    GET "/new-password" => show_page,
    GET "/channels" => show_page,
    GET "/channels/:channel" => show_page,
    GET "/channels/:channel/:thread" => show_page,
    GET "/invitation/:token" => show_page,
    GET "/favicon.svg" => show_icon,
    GET "/assets/:name" => show_asset,
}

async fn show_page(context: &mut Context) -> Result<Response, ApiError> {
    // Never cached without a check: the page names the files of its version.
    Ok(send(context, &assets::PAGE, "no-cache")
        .header("content-security-policy", POLICY)
        .header("cross-origin-opener-policy", "same-origin"))
}

async fn show_icon(context: &mut Context) -> Result<Response, ApiError> {
    Ok(send(context, &assets::ICON, "public, max-age=86400"))
}

async fn show_asset(context: &mut Context) -> Result<Response, ApiError> {
    let name = context.param("name", LONGEST_NAME, FILE)?;
    let asset = assets::FILES
        .iter()
        .find(|asset| asset.name == name)
        .ok_or(ApiError::NotFound(FILE))?;
    // Can be cached forever: the name contains a hash of the content.
    Ok(send(context, asset, "public, max-age=31536000, immutable"))
}

fn send(context: &Context, asset: &'static Asset, caching: &str) -> Response {
    let if_none_match = context.head.header("if-none-match").unwrap_or_default();
    let response = if conditional::matches_etag(if_none_match, asset.tag) {
        Response::empty(304)
    } else {
        let accept_encoding = context.head.header("accept-encoding").unwrap_or_default();
        asset.response(conditional::accepts_gzip(accept_encoding))
    };
    response
        .header("etag", format!("W/\"{}\"", asset.tag))
        .header("vary", "Accept-Encoding")
        .header("cache-control", caching)
        .header("cross-origin-resource-policy", "same-origin")
}
