//! Which other origins may call the API (the Fetch standard's CORS protocol).

use url::Url;

use crate::{
    head::Head,
    origins::{is_loopback_host, is_loopback_origin},
    settings::Settings,
};

/// The response headers that a script of another origin may read.
const EXPOSED: &str = "x-request-id, x-conversation-id, link, ratelimit-limit, ratelimit-remaining, \
                       ratelimit-reset, retry-after, server-timing, set-auth-token, \
                       x-goldfish-provider, x-goldfish-model, x-goldfish-attempts, \
                       x-goldfish-omitted-parameters, x-goldfish-cache, age, \
                       x-should-retry, openai-processing-ms, location, etag, stream-next-offset, \
                       stream-cursor, stream-up-to-date, stream-closed, stream-ttl, stream-expires-at, \
                       stream-sse-data-encoding, producer-epoch, producer-seq, producer-expected-seq, \
                       producer-received-seq";
/// The longest list of request headers that a preflight is granted, in bytes.
const MAX_REQUESTED_BYTES: usize = 4096;
/// The most request headers that a preflight is granted.
const MAX_REQUESTED: usize = 100;
/// Seconds for which a browser may cache a preflight's response: Chromium's maximum.
const MAX_AGE: &str = "7200";
/// The methods of a preflight for an unknown path, whose 404 a script can then read.
pub(crate) const ALL_METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// Whether scripts of that origin may call with the user's cookies.
pub(crate) fn is_allowed(origin: &str, head: &Head, settings: &Settings) -> bool {
    let on_loopback = || {
        !settings.origins_configured
            && head.host().is_some_and(is_loopback_host)
            && is_loopback_origin(origin)
    };
    settings.origins.iter().any(|allowed| allowed == origin)
        || head.is_same_origin(origin)
        || on_loopback()
}

/// The request's origin, if it is refused and valid.
pub(crate) fn refused_origin(head: &Head, settings: &Settings) -> Option<String> {
    let origin = head.origin()?;
    let refused = !is_allowed(origin, head, settings);
    Url::parse(origin)
        .ok()
        .map(|url| url.origin())
        .filter(|parsed| refused && parsed.is_tuple())
        .map(|parsed| parsed.ascii_serialization())
}

/// The header fields of every response.
pub(crate) fn headers(head: &Head, settings: &Settings) -> Vec<(&'static str, String)> {
    let mut fields = vec![("vary", "Origin".to_owned())];
    if let Some(origin) = head.origin().filter(|o| is_allowed(o, head, settings)) {
        fields.push(("access-control-allow-origin", origin.to_owned()));
        fields.push(("access-control-allow-credentials", "true".to_owned()));
        fields.push(("access-control-expose-headers", EXPOSED.to_owned()));
    }
    fields
}

/// Whether the request is a preflight, which asks if another request may be sent.
pub(crate) fn is_preflight(head: &Head) -> bool {
    head.method == "OPTIONS"
        && head.origin().is_some()
        && head.header("access-control-request-method").is_some()
}

/// The additional header fields of the response to a preflight; none for a foreign origin, so that the
/// browser does not send the request.
pub(crate) fn preflight_headers(
    head: &Head,
    settings: &Settings,
    methods: &str,
) -> Vec<(&'static str, String)> {
    if !head
        .origin()
        .is_some_and(|origin| is_allowed(origin, head, settings))
    {
        return Vec::new();
    }
    let mut fields = vec![
        ("access-control-allow-methods", methods.to_owned()),
        ("access-control-max-age", MAX_AGE.to_owned()),
    ];
    let requested = requested_headers(head);
    if !requested.is_empty() {
        fields.push(("access-control-allow-headers", requested));
    }
    fields
}

/// The request headers that the response to a preflight depends on.
pub(crate) const PREFLIGHT_VARY: &str =
    "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";

/// The request headers that the preflight names. All are granted: client libraries send headers of
/// their own, such as `x-stainless-…` and `traceparent`. Invalid names are dropped.
fn requested_headers(head: &Head) -> String {
    let list = head
        .header("access-control-request-headers")
        .filter(|list| list.len() <= MAX_REQUESTED_BYTES)
        .unwrap_or_default();
    let names = list
        .split(',')
        .map(|name| name.trim().to_ascii_lowercase())
        .filter(|name| is_header_name(name))
        .take(MAX_REQUESTED);
    names.collect::<Vec<_>>().join(", ")
}

/// Whether it is a field name (RFC 9110, section 5.1). Without `*`, which would mean any header.
fn is_header_name(name: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, origin: Option<&str>) -> Head {
        Head {
            method: method.into(),
            authority: Some("api.example".into()),
            headers: origin
                .map(|o| ("origin".to_owned(), o.as_bytes().to_vec()))
                .into_iter()
                .collect(),
            ..Head::default()
        }
    }

    fn settings() -> Settings {
        Settings {
            origins: vec!["https://app.example".into()],
            origins_configured: true,
            ..Settings::default()
        }
    }

    fn allowed(origin: Option<&str>) -> Option<String> {
        headers(&request("GET", origin), &settings())
            .into_iter()
            .find(|(name, _)| *name == "access-control-allow-origin")
            .map(|(_, value)| value)
    }

    #[test]
    fn only_exact_origins() {
        assert_eq!(
            allowed(Some("https://app.example")),
            Some("https://app.example".into())
        );
        assert_eq!(
            allowed(Some("https://api.example")),
            Some("https://api.example".into())
        );
        for foreign in [
            "http://app.example",
            "https://app.example.evil.example",
            "https://app.example:8443",
            "null",
            "*",
            "",
        ] {
            assert_eq!(allowed(Some(foreign)), None, "{foreign}");
        }
        assert_eq!(allowed(None), None);
    }

    #[test]
    fn responses_always_vary_by_origin() {
        assert_eq!(
            headers(&request("GET", None), &settings()),
            [("vary", "Origin".to_owned())]
        );
    }

    #[test]
    fn preflights() {
        let mut head = request("OPTIONS", Some("https://app.example"));
        assert!(!is_preflight(&head));
        head.headers
            .push(("Access-Control-Request-Method".into(), b"POST".to_vec()));
        assert!(is_preflight(&head));
        assert!(
            preflight_headers(&head, &settings(), "GET, POST")
                .contains(&("access-control-allow-methods", "GET, POST".to_owned()))
        );
        let foreign = request("OPTIONS", Some("https://evil.example"));
        assert!(preflight_headers(&foreign, &settings(), "GET").is_empty());
    }

    fn preflight(requested: &str) -> Option<String> {
        let mut head = request("OPTIONS", Some("https://app.example"));
        head.headers.push((
            "access-control-request-headers".into(),
            requested.as_bytes().to_vec(),
        ));
        preflight_headers(&head, &settings(), "GET")
            .into_iter()
            .find(|(name, _)| *name == "access-control-allow-headers")
            .map(|(_, value)| value)
    }

    #[test]
    fn preflight_with_headers_of_client_libraries_allows_them() {
        let requested = "authorization,content-type,X-Stainless-OS,user-agent,traceparent,baggage,\
                         sentry-trace,anthropic-version,openai-beta";
        let allowed = preflight(requested).unwrap();
        assert_eq!(allowed.replace(", ", ","), requested.to_ascii_lowercase());
    }

    #[test]
    fn preflight_with_invalid_or_too_many_headers_drops_them() {
        assert_eq!(preflight("a b, x\u{e9}, *, good").as_deref(), Some("good"));
        assert_eq!(preflight("*"), None);
        assert_eq!(preflight(""), None);
        let many = vec!["x-a"; 500].join(",");
        assert_eq!(preflight(&many).unwrap().split(", ").count(), 100);
        assert_eq!(preflight(&"x".repeat(5000)), None);
    }

    #[test]
    fn loopback_origin_without_configured_origins_is_allowed_on_loopback_only() {
        let unset = Settings::default();
        let on = |host: &str| Head {
            authority: Some(host.into()),
            ..Head::default()
        };
        for origin in [
            "http://localhost:5173",
            "http://127.0.0.1:8080",
            "http://[::1]:1",
        ] {
            assert!(
                is_allowed(origin, &on("localhost:3000"), &unset),
                "{origin}"
            );
            assert!(
                is_allowed(origin, &on("127.0.0.1:3000"), &unset),
                "{origin}"
            );
            assert!(!is_allowed(origin, &on("api.example"), &unset), "{origin}");
            assert!(
                !is_allowed(origin, &on("localhost:3000"), &settings()),
                "{origin}"
            );
        }
        assert!(!is_allowed(
            "https://evil.example",
            &on("localhost:3000"),
            &unset
        ));
        assert!(!is_allowed("null", &on("localhost:3000"), &unset));
    }

    #[test]
    fn refused_origin_of_allowed_or_invalid_origin_is_none() {
        let refused = |origin| refused_origin(&request("GET", Some(origin)), &settings());
        assert_eq!(
            refused("https://evil.example").as_deref(),
            Some("https://evil.example")
        );
        for other in ["https://app.example", "null", "*", "x\u{1b}[0m"] {
            assert_eq!(refused(other), None, "{other}");
        }
    }
}
