//! Where a browser may be sent on: to paths of our own and to pages of trusted origins.

use url::Url;

/// Longest URL, in bytes; a sealed flow with three of them fits a cookie.
const LONGEST: usize = 700;
/// Stands for our own origin, whatever it is.
const OWN: &str = "https://own.invalid";

/// A checked URL: a path, or an absolute one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallbackUrl {
    url: Url,
    is_path: bool,
}

impl CallbackUrl {
    /// None if a browser that is sent there might end elsewhere. `is_trusted` knows origins.
    pub(crate) fn parse(text: &str, is_trusted: impl Fn(&str) -> bool) -> Option<Self> {
        // Browsers skip tabs and line ends, and take `\` for `/`; what only they understand so is
        // not needed.
        let plain = text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        if !plain || text.len() > LONGEST {
            return None;
        }
        if text.starts_with('/') {
            return Self::own_path(text);
        }
        let url = Url::parse(text).ok()?;
        let has_credentials = !url.username().is_empty() || url.password().is_some();
        let is_web = matches!(url.scheme(), "http" | "https");
        let good = is_web && !has_credentials && is_trusted(&url.origin().ascii_serialization());
        good.then_some(Self {
            url,
            is_path: false,
        })
    }

    fn own_path(text: &str) -> Option<Self> {
        let own = Url::parse(OWN).ok()?;
        let url = own.join(text).ok()?;
        let path = url.path().to_ascii_lowercase();
        // A proxy that decodes or collapses paths must not make a host of it either.
        let leads_out = ["//", "/%2f", "/%5c"]
            .iter()
            .any(|start| path.starts_with(start));
        let good = url.origin() == own.origin() && !text.starts_with("//") && !leads_out;
        good.then_some(Self { url, is_path: true })
    }

    /// With one more parameter.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.url.query_pairs_mut().append_pair(name, value);
        self
    }

    /// For `Location`. What was checked is what is sent, not what it was parsed from.
    pub(crate) fn location(&self) -> String {
        let text = self.url.as_str();
        let path = self.is_path.then(|| text.strip_prefix(OWN)).flatten();
        path.unwrap_or(text).to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TRUSTED: &str = "https://app.example";
    const SELF: &str = "https://api.example/api/auth/callback/github";

    fn parse(text: &str) -> Option<CallbackUrl> {
        CallbackUrl::parse(text, |origin| origin == TRUSTED)
    }

    #[test]
    fn paths_and_trusted_origins_are_kept() {
        for (text, location) in [
            ("/", "/"),
            ("/chat?x=1#top", "/chat?x=1#top"),
            ("/a/../b", "/b"),
            ("https://app.example", "https://app.example/"),
            ("https://APP.example:443/x", "https://app.example/x"),
        ] {
            assert_eq!(
                parse(text).map(|url| url.location()).as_deref(),
                Some(location)
            );
        }
    }

    #[test]
    fn ways_out_are_refused() {
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
        assert_eq!(parse(&format!("/{}", "x".repeat(LONGEST))), None);
    }

    #[test]
    fn parameters_are_escaped_and_stand_before_the_fragment() {
        let url = parse("/a?b=1#c").unwrap().with("error", "x&y=z");
        assert_eq!(url.location(), "/a?b=1&error=x%26y%3Dz#c");
    }

    proptest! {
        #[test]
        fn a_browser_stays_with_us(text in "[/\\\\.%2fF5cC:@?#a-z\t\n ]{0,24}|.{0,24}") {
            if let Some(url) = parse(&text) {
                let base = Url::parse(SELF).unwrap();
                let end = base.join(&url.location()).unwrap().origin();
                let trusted = Url::parse(TRUSTED).unwrap().origin();
                prop_assert!(end == base.origin() || end == trusted);
                // What was typed leads to the same place.
                prop_assert_eq!(base.join(&text).unwrap().origin(), end);
            }
        }

        #[test]
        fn no_prefix_makes_another_host_ours(start in "[/\\\\.%2fF5cC:@?#a-z]{0,8}") {
            let text = format!("{start}//evil.example");
            if let Some(url) = parse(&text) {
                let base = Url::parse(SELF).unwrap();
                let end = base.join(&url.location()).unwrap();
                prop_assert_ne!(end.host_str(), Some("evil.example"));
            }
        }
    }
}
