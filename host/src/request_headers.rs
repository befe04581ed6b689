//! The headers of a request as a component sees them: those of the client, followed by the headers that
//! Spin adds.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;

use crate::router::Match;

/// Removes the headers that Spin removes: `Connection`, and a `Host` of service chaining.
pub(crate) fn strip(headers: &mut HeaderMap) {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    if host.is_some_and(is_service_chaining) {
        headers.remove(header::HOST);
    }
    headers.remove(header::CONNECTION);
}

fn is_service_chaining(host: &str) -> bool {
    let (name, _) = host.rsplit_once(':').unwrap_or((host, ""));
    name.ends_with(".spin.internal")
}

/// The client's headers with those of Spin appended: a client can send a header of the same name, and
/// its value comes first.
///
/// # Errors
/// If a value is not UTF-8. Spin then responds with an empty 500.
pub(crate) fn with_spin_headers<T>(
    request: &Parts,
    matched: &Match<'_, T>,
    peer: SocketAddr,
) -> Result<HeaderMap> {
    let mut headers = request.headers.clone();
    for (name, value) in &headers {
        std::str::from_utf8(value.as_bytes())
            .with_context(|| format!("header {name} is not valid UTF-8"))?;
    }
    let host = match headers.get(header::HOST) {
        Some(host) => host.to_str()?,
        None => "localhost",
    };
    let path = request.uri.path_and_query();
    let full_url = format!("http://{host}{}", path.map_or("/", |path| path.as_str()));
    let mut added = vec![
        ("path-info".to_owned(), matched.trailing.clone()),
        ("full-url".to_owned(), full_url),
        ("matched-route".to_owned(), matched.route.to_owned()),
        ("base-path".to_owned(), "/".to_owned()),
        ("raw-component-route".to_owned(), matched.route.to_owned()),
        (
            "component-route".to_owned(),
            matched
                .route
                .strip_suffix("/...")
                .unwrap_or(matched.route)
                .to_owned(),
        ),
        ("client-addr".to_owned(), peer.to_string()),
    ];
    for (name, value) in &matched.parameters {
        let name = name.to_ascii_lowercase().replace('_', "-");
        added.push((format!("path-match-{name}"), (*value).to_owned()));
    }
    for (name, value) in added {
        let name = HeaderName::from_bytes(format!("spin-{name}").as_bytes())?;
        headers.append(name, HeaderValue::from_str(&value)?);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::router::Router;

    fn headers(request: http::request::Builder) -> Result<HeaderMap> {
        let router = Router::new([("/a/:one_id/...".to_owned(), ())]).unwrap();
        let (parts, ()) = request.uri("/a/7/b?c").body(()).unwrap().into_parts();
        let matched = router.find("/a/7/b").unwrap();
        with_spin_headers(&parts, &matched, "192.0.2.1:80".parse().unwrap())
    }

    #[test]
    fn with_spin_headers_appends_to_the_headers_of_the_client() {
        let request = Request::get("/")
            .header("host", "chat.example")
            .header("spin-client-addr", "203.0.113.7:1")
            .header("x-other", "kept");
        let headers = headers(request).unwrap();
        let values = |name: &str| -> Vec<_> { headers.get_all(name).iter().collect() };
        assert_eq!(
            values("spin-client-addr"),
            ["203.0.113.7:1", "192.0.2.1:80"]
        );
        assert_eq!(values("spin-full-url"), ["http://chat.example/a/7/b?c"]);
        assert_eq!(values("spin-path-info"), ["/b"]);
        assert_eq!(values("spin-matched-route"), ["/a/:one_id/..."]);
        assert_eq!(values("spin-component-route"), ["/a/:one_id"]);
        assert_eq!(values("spin-path-match-one-id"), ["7"]);
        assert_eq!(values("x-other"), ["kept"]);
    }

    #[test]
    fn with_spin_headers_with_a_value_that_is_not_utf8_fails() {
        let value = HeaderValue::from_bytes(&[0xff]).unwrap();
        assert!(headers(Request::get("/").header("x-odd", value)).is_err());
    }

    #[test]
    fn strip_removes_connection_and_hosts_of_service_chaining() {
        let mut headers = HeaderMap::new();
        headers.insert("connection", HeaderValue::from_static("close"));
        headers.insert("host", HeaderValue::from_static("chat.example:80"));
        strip(&mut headers);
        assert_eq!(headers.len(), 1);
        headers.insert("host", HeaderValue::from_static("llm.spin.internal:80"));
        strip(&mut headers);
        assert!(headers.is_empty());
    }
}
