//! URLs that a browser may be redirected to: paths of this server and pages of trusted origins.

use http_edge::{ApiError, Context};
use url::Url;

/// Maximum length of a URL, in bytes. A sealed flow with three of them fits a cookie.
const MAX_BYTES: usize = 700;
/// A placeholder for this server's origin.
const OWN: &str = "https://own.invalid";

/// Where an absolute URL leads.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target<'a> {
    /// An http(s) origin, as browsers send it.
    Origin(&'a str),
    /// The scheme of an app.
    AppScheme(&'a str),
}

/// A validated URL, absolute or a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallbackUrl {
    url: Url,
    is_path: bool,
}

impl CallbackUrl {
    /// The URL, if it certainly leads to this server or to a target that `is_trusted` accepts.
    pub(crate) fn parse(text: &str, is_trusted: impl Fn(Target<'_>) -> bool) -> Option<Self> {
        // Browsers ignore tabs and line ends, and read `\` as `/`.
        let plain = text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        if !plain || text.len() > MAX_BYTES {
            return None;
        }
        if text.starts_with('/') {
            return Self::own_path(text);
        }
        let url = Url::parse(text).ok()?;
        let has_credentials = !url.username().is_empty() || url.password().is_some();
        let trusted = match url.scheme() {
            "http" | "https" => is_trusted(Target::Origin(&url.origin().ascii_serialization())),
            scheme => {
                let has_slashes = text.get(scheme.len()..)?.starts_with("://");
                has_slashes && is_trusted(Target::AppScheme(scheme))
            }
        };
        (trusted && !has_credentials).then_some(Self {
            url,
            is_path: false,
        })
    }

    fn own_path(text: &str) -> Option<Self> {
        let own = Url::parse(OWN).ok()?;
        let url = own.join(text).ok()?;
        let path = url.path().to_ascii_lowercase();
        // A proxy may decode a path or collapse its slashes; the result must not name a host.
        let leads_out = ["//", "/%2f", "/%5c"]
            .iter()
            .any(|start| path.starts_with(start));
        let good = url.origin() == own.origin() && !text.starts_with("//") && !leads_out;
        good.then_some(Self { url, is_path: true })
    }

    /// Adds a query parameter.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.url.query_pairs_mut().append_pair(name, value);
        self
    }

    /// The value of `Location`: the parsed URL, not the text it was parsed from.
    pub(crate) fn location(&self) -> String {
        let text = self.url.as_str();
        let path = self.is_path.then(|| text.strip_prefix(OWN)).flatten();
        path.unwrap_or(text).to_owned()
    }
}

/// The URL of a request field, to which the browser that sent the request may be redirected.
///
/// # Errors
/// `refusal` if it may lead elsewhere.
pub(crate) fn redirect_url(
    context: &Context,
    text: Option<&str>,
    refusal: &ApiError,
) -> Result<Option<CallbackUrl>, ApiError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let is_trusted = |target: Target<'_>| match target {
        Target::Origin(origin) => context.is_own_site(origin),
        Target::AppScheme(scheme) => context.is_named_scheme(scheme),
    };
    CallbackUrl::parse(text, is_trusted)
        .map(Some)
        .ok_or_else(|| refusal.clone())
}

/// The URL of a request field for a link in an email. The recipient may be another person, so the
/// request's host is not trusted.
///
/// # Errors
/// `refusal` if it may lead elsewhere.
pub(crate) fn email_link_url(
    context: &Context,
    text: Option<&str>,
    refusal: &ApiError,
) -> Result<Option<String>, ApiError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let is_trusted = |target: Target<'_>| match target {
        Target::Origin(origin) => account_flows::is_allowed_link_target(context, origin),
        Target::AppScheme(scheme) => context.is_named_scheme(scheme),
    };
    CallbackUrl::parse(text, is_trusted)
        .map(|url| Some(url.location()))
        .ok_or_else(|| refusal.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TRUSTED: &str = "https://app.example";
    const SELF: &str = "https://api.example/api/auth/callback/github";

    fn parse(text: &str) -> Option<CallbackUrl> {
        CallbackUrl::parse(text, |target| match target {
            Target::Origin(origin) => origin == TRUSTED,
            Target::AppScheme(scheme) => scheme == "myapp",
        })
    }

    #[test]
    fn parse_of_path_or_trusted_origin_keeps_it() {
        for (text, location) in [
            ("/", "/"),
            ("/chat?x=1#top", "/chat?x=1#top"),
            ("/a/../b", "/b"),
            ("https://app.example", "https://app.example/"),
            ("https://APP.example:443/x", "https://app.example/x"),
            ("myapp://signed-in?a=1", "myapp://signed-in?a=1"),
            ("MyApp://signed-in", "myapp://signed-in"),
        ] {
            assert_eq!(
                parse(text).map(|url| url.location()).as_deref(),
                Some(location)
            );
        }
    }

    #[test]
    fn parse_of_url_leading_elsewhere_is_none() {
        for text in [
            "",
            "chat",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "/%2fevil.example",
            "/%2Fevil.example",
            "/%5cevil.example",
            "/%5C%5Cevil.example",
            "/.//evil.example",
            "/..//evil.example",
            "/%2e//evil.example",
            "/x/..//evil.example",
            "https://evil.example",
            "https:evil.example",
            "https:/evil.example",
            "http://app.example",
            "https://app.example:8443",
            "https://app.example.evil.example",
            "https://app.example@evil.example",
            "https://user@app.example/",
            "https://evil.example\\@app.example",
            "https://evil.example#@app.example",
            "https://evil.example?https://app.example",
            "javascript:alert(1)",
            "javascript://app.example/%0aalert(1)",
            "myapp:signed-in",
            "myapp:/signed-in",
            "otherapp://signed-in",
            "myapp://user@signed-in",
            "data:text/html,x",
            "blob:https://app.example/x",
            " https://app.example",
            "https://app.example\r\nset-cookie: a=b",
            "ftp://app.example",
            "https://аpp.example",
            "null",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
        assert_eq!(parse(&format!("/{}", "x".repeat(MAX_BYTES))), None);
    }

    #[test]
    fn with_escapes_parameter_and_keeps_fragment() {
        let url = parse("/a?b=1#c").unwrap().with("error", "x&y=z");
        assert_eq!(url.location(), "/a?b=1&error=x%26y%3Dz#c");
    }

    proptest! {
        #[test]
        fn location_of_any_parsed_text_leads_to_trusted_origin(text in "[/\\\\.%2fF5cC:@?#a-z\t\n ]{0,24}|.{0,24}") {
            if let Some(url) = parse(&text) {
                let base = Url::parse(SELF).unwrap();
                let end = base.join(&url.location()).unwrap().origin();
                let trusted = Url::parse(TRUSTED).unwrap().origin();
                prop_assert!(end == base.origin() || end == trusted);
                // The original text leads to the same origin.
                prop_assert_eq!(base.join(&text).unwrap().origin(), end);
            }
        }

        #[test]
        fn parse_with_any_prefix_never_leads_to_other_host(start in "[/\\\\.%2fF5cC:@?#a-z]{0,8}") {
            let text = format!("{start}//evil.example");
            if let Some(url) = parse(&text) {
                let base = Url::parse(SELF).unwrap();
                let end = base.join(&url.location()).unwrap();
                prop_assert_ne!(end.host_str(), Some("evil.example"));
            }
        }
    }
}
