//! Lists of origins in variables.

use url::Url;

/// An item of a list of trusted origins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OriginPattern {
    /// One origin, as browsers send it.
    Exact(String),
    /// Every subdomain of a host: `https://*.example.com` or `https://*.example.com:8443`.
    Subdomains {
        /// `http` or `https`.
        scheme: String,
        /// The host, beginning with a dot.
        suffix: String,
        /// Unless it is the scheme's default.
        port: Option<u16>,
    },
    /// A scheme of an app: `myapp://`. Matches redirect targets only, since no browser sends it as an
    /// origin.
    AppScheme(String),
}

/// Schemes that browsers handle themselves and that must never be a redirect target.
const BROWSER_SCHEMES: [&str; 14] = [
    "http",
    "https",
    "ws",
    "wss",
    "ftp",
    "file",
    "javascript",
    "data",
    "blob",
    "about",
    "vbscript",
    "filesystem",
    "view-source",
    "intent",
];

/// Parses a comma-separated list of origins. Each is normalised as browsers send it: lower case,
/// without default port, trailing slash and white space.
///
/// Returns the valid origins, and what is wrong with the other items.
pub(crate) fn parse_origins(variable: &str, list: &str) -> (Vec<String>, Vec<String>) {
    parse_list(variable, list, |item| {
        exact(item).ok_or("is not an origin such as https://app.example.com")
    })
}

/// Parses a comma-separated list of origins and patterns; see [`OriginPattern`].
pub(crate) fn parse_patterns(variable: &str, list: &str) -> (Vec<OriginPattern>, Vec<String>) {
    parse_list(variable, list, |item| {
        pattern(item).ok_or(
            "is not an origin, a pattern such as https://*.example.com, or a scheme such as myapp://",
        )
    })
}

/// Messages name the position instead of the value, which may contain a credential.
fn parse_list<T>(
    variable: &str,
    list: &str,
    parse: impl Fn(&str) -> Result<T, &'static str>,
) -> (Vec<T>, Vec<String>) {
    let mut items = Vec::new();
    let mut errors = Vec::new();
    for (index, item) in list.split(',').enumerate() {
        let item = item.trim();
        if item.is_empty() {
            continue;
        }
        match parse(item) {
            Ok(item) => items.push(item),
            Err(wrong) => errors.push(format!(
                "variable {variable}: item {} {wrong}",
                index.saturating_add(1)
            )),
        }
    }
    (items, errors)
}

/// The origin that `text` names. None for `*`, `null`, a path, a query or credentials.
fn exact(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let is_origin = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && !text.contains('*');
    is_origin.then(|| url.origin().ascii_serialization())
}

fn pattern(text: &str) -> Option<OriginPattern> {
    if let Some(scheme) = text.strip_suffix("://") {
        return app_scheme(scheme);
    }
    let Some((scheme, host)) = text.split_once("://*.") else {
        return exact(text).map(OriginPattern::Exact);
    };
    let base = Url::parse(&exact(&format!("{scheme}://{host}"))?).ok()?;
    let domain = base.domain()?;
    // A pattern for a whole top-level domain would trust everybody.
    let is_specific = domain.split('.').filter(|label| !label.is_empty()).count() >= 2;
    is_specific.then(|| OriginPattern::Subdomains {
        scheme: base.scheme().to_owned(),
        suffix: format!(".{domain}"),
        port: base.port(),
    })
}

fn app_scheme(scheme: &str) -> Option<OriginPattern> {
    let scheme = scheme.to_ascii_lowercase();
    let valid = scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        && !BROWSER_SCHEMES.contains(&scheme.as_str());
    valid.then_some(OriginPattern::AppScheme(scheme))
}

impl OriginPattern {
    /// Whether the pattern matches an origin as browsers send it.
    pub fn matches_origin(&self, origin: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == origin,
            Self::Subdomains {
                scheme,
                suffix,
                port,
            } => Url::parse(origin).is_ok_and(|url| {
                let subdomain = url.domain().and_then(|host| host.strip_suffix(suffix));
                url.scheme() == scheme
                    && url.port() == *port
                    && subdomain.is_some_and(|rest| !rest.is_empty())
                    && url.origin().ascii_serialization() == origin
            }),
            Self::AppScheme(_) => false,
        }
    }

    /// Whether the pattern is this scheme of an app.
    pub fn matches_scheme(&self, scheme: &str) -> bool {
        matches!(self, Self::AppScheme(own) if own == scheme)
    }
}

/// Whether a host name with an optional port is of this machine.
pub(crate) fn is_loopback_host(host: &str) -> bool {
    Url::parse(&format!("http://{host}")).is_ok_and(|url| is_loopback(&url))
}

/// Whether an origin is of this machine, whatever its port.
pub fn is_loopback_origin(origin: &str) -> bool {
    Url::parse(origin).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.origin().ascii_serialization() == origin
            && is_loopback(&url)
    })
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_origins_normalises_as_browsers_send_them() {
        let (origins, errors) = parse_origins(
            "cors_origins",
            " HTTPS://App.Example/ ,https://a.example:443,http://b.example:80/,http://c.example:8080,\
             http://[::1]:3000",
        );
        assert_eq!(
            origins,
            [
                "https://app.example",
                "https://a.example",
                "http://b.example",
                "http://c.example:8080",
                "http://[::1]:3000"
            ]
        );
        assert!(errors.is_empty());
    }

    #[test]
    fn parse_origins_with_invalid_items_names_their_positions() {
        for bad in [
            "*",
            "null",
            "app.example",
            "https://app.example/path",
            "https://user:secret@app.example",
            "https://*.example.com",
            "ftp://app.example",
            "https://",
            "https://app.example?x",
        ] {
            let list = format!("https://good.example,{bad},,https://also.example");
            let (origins, errors) = parse_origins("cors_origins", &list);
            assert_eq!(origins, ["https://good.example", "https://also.example"]);
            assert_eq!(errors.len(), 1, "{bad}");
            assert!(errors[0].contains("cors_origins: item 2 "), "{}", errors[0]);
            assert!(!errors[0].contains("secret"));
        }
    }

    #[test]
    fn subdomain_pattern_matches_subdomains_of_its_scheme_and_port_only() {
        let (patterns, errors) = parse_patterns(
            "trusted_origins",
            "https://*.Example.com,http://*.dev.test:8080",
        );
        assert!(errors.is_empty());
        let matches = |origin: &str| patterns.iter().any(|p| p.matches_origin(origin));
        for good in [
            "https://app.example.com",
            "https://a.b.example.com",
            "http://x.dev.test:8080",
        ] {
            assert!(matches(good), "{good}");
        }
        for bad in [
            "https://example.com",
            "http://app.example.com",
            "https://app.example.com:8443",
            "https://appexample.com",
            "https://app.example.com.evil.example",
            "https://evil.example/.example.com",
            "https://evil.example#.example.com",
            "http://x.dev.test",
            "null",
            "",
        ] {
            assert!(!matches(bad), "{bad}");
        }
    }

    #[test]
    fn pattern_that_is_too_wide_is_refused() {
        for bad in [
            "https://*",
            "https://*.com",
            "*",
            "*://app.example",
            "https://*.*.example.com",
            "https://app.*.example.com",
            "javascript://",
            "data://",
            "https://",
            "://",
            "https://*.example.com/path",
        ] {
            let (patterns, errors) = parse_patterns("trusted_origins", bad);
            assert!(patterns.is_empty(), "{bad}");
            assert_eq!(errors.len(), 1, "{bad}");
        }
        let (patterns, _) = parse_patterns("trusted_origins", "MyApp://");
        assert!(patterns[0].matches_scheme("myapp"));
        assert!(!patterns[0].matches_scheme("other"));
        assert!(!patterns[0].matches_origin("myapp://x"));
    }

    #[test]
    fn is_loopback_origin_of_other_hosts_is_false() {
        for good in [
            "http://localhost:5173",
            "http://127.0.0.1:8080",
            "http://[::1]:3000",
            "https://localhost",
        ] {
            assert!(is_loopback_origin(good), "{good}");
        }
        for bad in [
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "http://evil.example",
            "http://localhost:5173/",
            "null",
            "file://localhost",
            "",
        ] {
            assert!(!is_loopback_origin(bad), "{bad}");
        }
        assert!(is_loopback_host("localhost:3000") && is_loopback_host("[::1]:1"));
        assert!(!is_loopback_host("api.example") && !is_loopback_host(""));
    }
}
