//! Which other origins may call (the Fetch standard's CORS protocol).

use crate::{head::Head, settings::Settings};

/// What a script of another origin may read of an answer.
const EXPOSED: &str = "x-request-id, x-conversation-id, ratelimit-limit, ratelimit-remaining, \
                       ratelimit-reset, retry-after, server-timing, set-auth-token, \
                       x-goldfish-provider, x-goldfish-model, x-goldfish-attempts, \
                       x-goldfish-cache, age, \
                       openai-processing-ms";
/// What a script of another origin may send.
const ACCEPTED: &str = "accept, authorization, cache-control, content-type, idempotency-key, last-event-id, \
                        x-api-key, x-request-id";
/// Seconds for which a browser may remember a preflight's answer.
const MAX_AGE: &str = "600";

/// Whether scripts of that origin may call with the user's cookies.
pub(crate) fn is_allowed(origin: &str, head: &Head, settings: &Settings) -> bool {
    settings.origins.iter().any(|allowed| allowed == origin) || head.is_same_origin(origin)
}

/// The fields of any answer.
pub(crate) fn headers(head: &Head, settings: &Settings) -> Vec<(&'static str, String)> {
    let mut fields = vec![("vary", "Origin".to_owned())];
    if let Some(origin) = head.origin().filter(|o| is_allowed(o, head, settings)) {
        fields.push(("access-control-allow-origin", origin.to_owned()));
        fields.push(("access-control-allow-credentials", "true".to_owned()));
        fields.push(("access-control-expose-headers", EXPOSED.to_owned()));
    }
    fields
}

/// Whether the request only asks if another one may be sent.
pub(crate) fn is_preflight(head: &Head) -> bool {
    head.method == "OPTIONS"
        && head.origin().is_some()
        && head.header("access-control-request-method").is_some()
}

/// The fields that a preflight's answer has besides; none for a foreign origin, which tells the
/// browser no.
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
    vec![
        ("access-control-allow-methods", methods.to_owned()),
        ("access-control-allow-headers", ACCEPTED.to_owned()),
        ("access-control-max-age", MAX_AGE.to_owned()),
    ]
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
    fn answers_always_vary_by_origin() {
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
}
