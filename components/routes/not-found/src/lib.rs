//! Every path without another route: 404, as a page for browsers and as the usual error object for
//! programs.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

use http_edge::{ApiError, Context, Response};

http_edge::routes! {
    ANY "/..." => reject_unknown_path,
}

/// The page needs nothing else.
const POLICY: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const PAGE: &str = include_str!("page.html");

async fn reject_unknown_path(context: &mut Context) -> Result<Response, ApiError> {
    let accept = context.head.header("accept").unwrap_or_default();
    if !wants_page(accept) {
        return Err(ApiError::NotFound(http_edge::ROUTE));
    }
    Ok(
        Response::bytes("text/html; charset=utf-8", PAGE.as_bytes().to_vec())
            .status(404)
            .header("content-security-policy", POLICY)
            .header("cache-control", "no-store")
            .header("vary", "Accept"),
    )
}

/// Whether a browser navigates: only then `Accept` names HTML.
fn wants_page(accept: &str) -> bool {
    accept
        .split(',')
        .filter_map(|range| range.split(';').next())
        .any(|media_type| media_type.trim().eq_ignore_ascii_case("text/html"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wants_page_is_true_only_if_html_is_named() {
        assert!(wants_page("text/html,application/xhtml+xml,*/*;q=0.8"));
        assert!(wants_page("application/json, TEXT/HTML;q=0.5"));
        for other in ["", "*/*", "application/json", "text/plain", "text/*"] {
            assert!(!wants_page(other), "{other}");
        }
    }
}
