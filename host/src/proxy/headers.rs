//! Headers that are added and removed on the way, as Pushpin does it.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// The features of the proxy, as Pushpin 1.36 announces them, without the filters that it lacks.
pub(super) const FEATURES: &str = "status, session, link:next, filter:skip-self, filter:skip-users";

/// Removes what concerns one connection only.
pub(super) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ] {
        headers.remove(name);
    }
}

/// Removes headers that begin like this: from a request those that only the proxy may set, since clients
/// could claim anything with them, and from a response those that are for the proxy.
pub(super) fn remove_with_prefix(headers: &mut HeaderMap, prefix: &str) {
    let names: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with(prefix))
        .cloned()
        .collect();
    for name in names {
        headers.remove(name);
    }
}

/// A copy of a header's value with memory of its own. A value that hyper has read shares the buffer of its connection,
/// 8 KiB and more, and keeps it as long as it lives.
pub(super) fn own(value: &HeaderValue) -> HeaderValue {
    let copy = HeaderValue::from_bytes(value.as_bytes());
    let mut copy = copy.unwrap_or_else(|_| value.clone());
    copy.set_sensitive(value.is_sensitive());
    copy
}

/// A copy of headers with memory of its own.
pub(super) fn own_all(headers: &HeaderMap) -> HeaderMap {
    let mut copy = HeaderMap::with_capacity(headers.keys_len());
    for (name, value) in headers {
        let name =
            HeaderName::from_bytes(name.as_str().as_bytes()).unwrap_or_else(|_| name.clone());
        copy.append(name, own(value));
    }
    copy
}

/// The value of a header as text.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Whether the media type of the content is this one.
pub(super) fn has_type(headers: &HeaderMap, media_type: &str) -> bool {
    let r#type = text(headers, "content-type").unwrap_or_default();
    let r#type = r#type.split(';').next().unwrap_or_default();
    r#type.trim().eq_ignore_ascii_case(media_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_a_connection_and_reserved_ones_are_removed() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "Upgrade, x-own"),
            ("upgrade", "websocket"),
            ("x-own", "1"),
            ("grip-sig", "forged"),
            ("meta-user", "forged"),
            ("metadata", "kept"),
            ("cookie", "kept"),
        ] {
            headers.insert(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        remove_hop_by_hop(&mut headers);
        remove_with_prefix(&mut headers, "grip-");
        remove_with_prefix(&mut headers, "meta-");
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["cookie", "metadata"]);
    }
}
