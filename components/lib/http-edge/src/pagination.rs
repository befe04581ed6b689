//! Pages of a list: the query parameters that select one, and what follows it.
//!
//! A list takes `limit` and the position after which the page begins (`cursor`, or `before` where
//! the position is the id of an item). Where the response is an array, the header `Link` (RFC 8288)
//! leads to the next page.

use crate::{head::Head, parse_uuid, validation::Validator};

/// The number of items of a page, if the request has no limit.
pub const DEFAULT_LIMIT: u32 = 50;
/// Most items of a page.
pub const MAX_LIMIT: u32 = 100;
/// Longest cursor, in bytes.
const MAX_CURSOR: usize = 254;

/// The number of requested items: `limit`, or [`DEFAULT_LIMIT`]. An error is added to
/// `validator` unless it is 1 to [`MAX_LIMIT`].
pub fn limit(given: Option<u32>, validator: &mut Validator) -> u32 {
    let limit = given.unwrap_or(DEFAULT_LIMIT);
    validator.range("limit", limit, 1..=MAX_LIMIT);
    limit
}

/// Checks the length of `cursor`, which only the capability that made it can read.
pub fn cursor(given: Option<&str>, validator: &mut Validator) {
    validator.require(
        given.is_none_or(|cursor| cursor.len() <= MAX_CURSOR),
        "cursor",
        "is too long",
    );
}

/// The position of an item in a list by time: its time in milliseconds since the epoch, and its id.
pub type TimePlace = (u64, String);

/// The position in `cursor` ([`time_cursor`]), which is checked as the `nextCursor` of an earlier page.
pub fn time_place(given: Option<&str>, validator: &mut Validator) -> Option<TimePlace> {
    let parse = |text: &str| {
        let (time, id) = text.split_once('_')?;
        Some((time.parse().ok()?, parse_uuid(id)?))
    };
    let place = given.and_then(parse);
    validator.require(
        given.is_none() || place.is_some(),
        "cursor",
        "must be the nextCursor of an earlier page",
    );
    place
}

/// A cursor from which [`time_place`] reads the position.
pub fn time_cursor((time, id): &TimePlace) -> String {
    format!("{time}_{id}")
}

/// Checks `before`, the decimal id of the item that precedes the page.
pub fn before(given: Option<&str>, validator: &mut Validator) {
    validator.require(
        given.is_none_or(|id| id.parse::<u64>().is_ok()),
        "before",
        "must be the id of an item of this list",
    );
}

/// The first `limit` of the items, and whether there are more. Routes request one item more than the page has
/// from the capability.
pub fn split<T>(items: &[T], limit: u32) -> (&[T], bool) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    match items.get(..limit) {
        Some(page) => (page, items.len() > limit),
        None => (items, false),
    }
}

/// A value of `Link`: the request's path and query with `name` set to `value` and without the
/// parameters in `replaced`. `relation` is `next` or `prev`.
pub fn link(head: &Head, relation: &str, name: &str, value: &str, replaced: &[&str]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (key, kept) in form_urlencoded::parse(head.query.as_bytes()) {
        if key != name && !replaced.contains(&key.as_ref()) {
            query.append_pair(&key, &kept);
        }
    }
    let query = query.append_pair(name, value).finish();
    format!("<{}?{query}>; rel=\"{relation}\"", head.path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ApiError;

    /// Paths of the errors of a page, or its limit.
    fn page(given: Option<u32>, position: Option<&str>) -> Result<u32, Vec<String>> {
        let mut validator = Validator::new();
        before(position, &mut validator);
        let limit = limit(given, &mut validator);
        match validator.finish() {
            Ok(()) => Ok(limit),
            Err(ApiError::Validation(details)) => {
                Err(details.into_iter().map(|detail| detail.path).collect())
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn limit_and_before_outside_their_bounds_are_errors() {
        assert_eq!(page(None, None), Ok(50));
        assert_eq!(page(Some(100), Some("17")), Ok(100));
        assert_eq!(
            page(Some(0), Some("-1")),
            Err(vec!["before".to_owned(), "limit".to_owned()])
        );
        assert_eq!(page(Some(101), None), Err(vec!["limit".to_owned()]));
        for position in ["", "a", "99999999999999999999999"] {
            assert_eq!(page(None, Some(position)), Err(vec!["before".to_owned()]));
        }
    }

    #[test]
    fn cursor_longer_than_the_limit_is_an_error() {
        let check = |text: &str| {
            let mut validator = Validator::new();
            cursor(Some(text), &mut validator);
            validator.finish().is_ok()
        };
        assert!(check(&"x".repeat(254)));
        assert!(!check(&"x".repeat(255)));
    }

    #[test]
    fn time_cursor_is_a_time_and_an_id() {
        let place = |text: &str| {
            let mut validator = Validator::new();
            let place = time_place(Some(text), &mut validator);
            validator.finish().map(|()| place.unwrap())
        };
        let given = (17, "550e8400-e29b-41d4-a716-446655440000".to_owned());
        let cursor = time_cursor(&given);
        assert_eq!(place(&cursor).unwrap(), given);
        let id = &given.1;
        let too_large = format!("99999999999999999999999_{id}");
        for wrong in ["", "_", "1_", "1_x", &format!("x_{id}"), &too_large] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn link_keeps_the_query_except_what_it_replaces() {
        let head = Head {
            path: "/api/things".to_owned(),
            query: "search=a%26b&cursor=old&offset=5&limit=2".to_owned(),
            ..Head::default()
        };
        assert_eq!(
            link(&head, "next", "cursor", "x=/", &["offset"]),
            "</api/things?search=a%26b&limit=2&cursor=x%3D%2F>; rel=\"next\""
        );
    }

    #[test]
    fn split_with_one_item_too_many_says_that_there_are_more() {
        assert_eq!(split(&[3, 2, 1], 3), (&[3, 2, 1][..], false));
        assert_eq!(split(&[3, 2, 1], 2), (&[3, 2][..], true));
        assert_eq!(split::<u8>(&[], 2), (&[][..], false));
    }
}
