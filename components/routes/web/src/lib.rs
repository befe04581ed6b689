//! `GET /`: the chat page, and what it is made of. Its source is `page`, its build `assets`.
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

/// The page may load from here only, and run nothing that is not a file of ours: not even what a
/// reply would smuggle into its markup. Trusted Types, where browsers have them, refuse to make
/// markup or code of text altogether.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; \
                      img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'; require-trusted-types-for 'script'; \
                      trusted-types 'none'";

http_edge::routes! {
    GET "/" => show_page,
    GET "/favicon.svg" => show_icon,
    GET "/assets/:name" => show_asset,
}

async fn show_page(context: &mut Context) -> Result<Response, ApiError> {
    // A new version is seen at once: the page names the assets that belong to it.
    Ok(send(context, &assets::PAGE, "no-cache")
        .header("content-security-policy", POLICY)
        .header("cross-origin-opener-policy", "same-origin"))
}

async fn show_icon(context: &mut Context) -> Result<Response, ApiError> {
    Ok(send(context, &assets::ICON, "public, max-age=86400"))
}

async fn show_asset(context: &mut Context) -> Result<Response, ApiError> {
    let name = context.param("name", LONGEST_NAME, FILE)?;
    let asset = assets::NAMED
        .iter()
        .find(|asset| asset.name == name)
        .ok_or(ApiError::NotFound(FILE))?;
    // Its name has a hash of its content.
    Ok(send(context, asset, "public, max-age=31536000, immutable"))
}

fn send(context: &Context, asset: &'static Asset, caching: &str) -> Response {
    let wanted = context.head.header("if-none-match").unwrap_or_default();
    let reply = if conditional::matches_etag(wanted, asset.tag) {
        Response::empty(304)
    } else {
        let accepted = context.head.header("accept-encoding").unwrap_or_default();
        asset.reply(conditional::accepts_gzip(accepted))
    };
    reply
        .header("etag", format!("W/\"{}\"", asset.tag))
        .header("vary", "Accept-Encoding")
        .header("cache-control", caching)
        .header("cross-origin-resource-policy", "same-origin")
}
