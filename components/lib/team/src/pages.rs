//! Pages of lists whose response is an array: the header `Link` (RFC 8288) leads to the next page.

use contracts::messaging::types::{PageInfo, PageRequest, PageStart};
use http_edge::{ApiError, Context, Response, Validator, pagination};
use serde::{Deserialize, Serialize};

/// Most items of a page, and their number if the request does not say how many.
pub const MAX_LIMIT: u32 = pagination::MAX_LIMIT;

/// The query parameters of a list without filters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// The `cursor` of the link to the page.
    pub cursor: Option<String>,
    /// Items of the page.
    pub limit: Option<u32>,
}

impl PageQuery {
    /// The page of a request.
    ///
    /// # Errors
    /// 400.
    pub fn read(context: &Context) -> Result<PageRequest, ApiError> {
        let query: Self = context.query()?;
        page_request(query.cursor, query.limit, MAX_LIMIT)
    }
}

/// The page that begins at a cursor or at the beginning, of `limit` or `default` items.
///
/// # Errors
/// 400 for a limit outside 1 to [`MAX_LIMIT`], or too long a cursor.
pub fn page_request(
    cursor: Option<String>,
    limit: Option<u32>,
    default: u32,
) -> Result<PageRequest, ApiError> {
    let mut validator = Validator::new();
    let limit = pagination::limit(limit.or(Some(default)), &mut validator);
    pagination::cursor(cursor.as_deref(), &mut validator);
    validator.finish()?;
    Ok(PageRequest {
        limit,
        start: cursor.map_or(PageStart::Beginning, PageStart::Cursor),
        count: false,
    })
}

/// 200 with the items of a page, and the link to the next one if there is one.
pub fn respond_with_list(
    context: &mut Context,
    items: &[impl Serialize],
    page: &PageInfo,
) -> Response {
    if let Some(next) = &page.next {
        let link = pagination::link(&context.head, "next", "cursor", next, &[]);
        context.set_header("link", link);
    }
    Response::json(&items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_request_outside_the_limits_is_an_error() {
        let page = page_request(None, None, 10).unwrap();
        assert_eq!(page.limit, 10);
        assert!(matches!(page.start, PageStart::Beginning));
        let page = page_request(Some("a".into()), Some(100), 10).unwrap();
        assert!(matches!(page.start, PageStart::Cursor(cursor) if cursor == "a"));
        for (cursor, limit) in [
            (None, Some(0)),
            (None, Some(101)),
            (Some("x".repeat(255)), None),
        ] {
            assert!(page_request(cursor, limit, 10).is_err());
        }
    }
}
