//! The variables that every route reads.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use spin_sdk::variables;
use url::Url;

use crate::log;
use crate::origins::{OriginPattern, parse_origins, parse_patterns};

/// How long a value is used before the variable is read again. Variables may come from a vault.
const FRESH: Duration = Duration::from_secs(30);
/// 1 MiB.
const MAX_BODY_BYTES: u64 = 1_048_576;
/// The default prefix of cookies' names.
const DEFAULT_COOKIE_PREFIX: &str = "goldfish";
/// Maximum length of that prefix.
const MAX_COOKIE_PREFIX: usize = 64;
/// Maximum number of proxies in front.
const MAX_PROXIES: usize = 16;

thread_local! {
    /// The same for every user, hence kept over requests.
    static CACHE: std::cell::RefCell<Option<(Instant, Rc<Settings>)>> =
        const { std::cell::RefCell::new(None) };
}

/// The values of the variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Origins that may call with credentials, as browsers send them.
    pub origins: Vec<String>,
    /// Whether `cors_origins` is set. Unless it is, a server on this machine accepts every origin of
    /// this machine.
    pub origins_configured: bool,
    /// Further origins that may send cookies and be redirected to.
    pub trusted_origins: Vec<OriginPattern>,
    /// The origin under which browsers reach this server, if the operator has set it.
    pub public_origin: Option<String>,
    /// Maximum size of a request body.
    pub max_body_bytes: u64,
    /// The proxies in front, if there are any.
    pub trusted_proxy: Option<TrustedProxy>,
    /// How cookies are set.
    pub cookies: CookieSettings,
    /// Errors of the variables, for the log.
    pub(crate) errors: Vec<String>,
}

/// The proxies in front of this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedProxy {
    /// The header in which a proxy names its client, in lower case.
    pub header: String,
    /// The number of proxies that append to it.
    pub count: usize,
}

/// How cookies are set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CookieSettings {
    /// The `SameSite` attribute.
    pub same_site: SameSite,
    /// The `Domain` attribute.
    pub domain: Option<String>,
    /// The prefix of the cookies' names.
    pub prefix: String,
    /// Whether the session cookie has the attribute `Partitioned`. Only with `SameSite::None`.
    pub partitioned: bool,
}

/// Which requests carry a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameSite {
    /// Requests of the same site, and navigations from other sites.
    Lax,
    /// Requests of every site.
    None,
    /// Requests of the same site.
    Strict,
}

impl Default for Settings {
    fn default() -> Self {
        Self::parse(&Values::default())
    }
}

impl Default for CookieSettings {
    fn default() -> Self {
        Self {
            same_site: SameSite::Lax,
            domain: None,
            prefix: DEFAULT_COOKIE_PREFIX.to_owned(),
            partitioned: false,
        }
    }
}

/// The text of the variables.
#[derive(Default)]
struct Values {
    origins: String,
    trusted_origins: String,
    public_url: String,
    max_body_bytes: String,
    trusted_proxy: String,
    cookie_same_site: String,
    cookie_domain: String,
    cookie_prefix: String,
    cookie_partitioned: String,
}

impl Settings {
    fn parse(values: &Values) -> Self {
        let (origins, mut errors) = parse_origins("cors_origins", &values.origins);
        let (trusted_origins, more) = parse_patterns("trusted_origins", &values.trusted_origins);
        errors.extend(more);
        let trusted_proxy = match values.trusted_proxy.trim() {
            "" => None,
            text => {
                let proxy = parse_proxy(text);
                if proxy.is_none() {
                    errors.push(
                        "variable trusted_proxy is not a header name, or one with a number of \
                         proxies such as x-forwarded-for:2"
                            .to_owned(),
                    );
                }
                proxy
            }
        };
        Self {
            origins_configured: !values.origins.trim().is_empty(),
            origins,
            trusted_origins,
            public_origin: Url::parse(values.public_url.trim())
                .ok()
                .filter(|url| matches!(url.scheme(), "http" | "https"))
                .map(|url| url.origin().ascii_serialization()),
            max_body_bytes: values
                .max_body_bytes
                .trim()
                .parse()
                .ok()
                .filter(|limit| *limit > 0)
                .unwrap_or(MAX_BODY_BYTES),
            trusted_proxy,
            cookies: parse_cookies(values, &mut errors),
            errors,
        }
    }

    /// The values now.
    pub(crate) async fn read() -> Rc<Self> {
        let cached = CACHE.with_borrow(Clone::clone);
        if let Some((since, settings)) = cached
            && since.elapsed() < FRESH
        {
            return settings;
        }
        // A variable that the component is not given has its default.
        let value = async |name| variables::get(name).await.unwrap_or_default();
        let settings = Rc::new(Self::parse(&Values {
            origins: value("cors_origins").await,
            trusted_origins: value("trusted_origins").await,
            public_url: value("public_url").await,
            max_body_bytes: value("max_body_bytes").await,
            trusted_proxy: value("trusted_proxy").await,
            cookie_same_site: value("cookie_same_site").await,
            cookie_domain: value("cookie_domain").await,
            cookie_prefix: value("cookie_prefix").await,
            cookie_partitioned: value("cookie_partitioned").await,
        }));
        for error in &settings.errors {
            log::warn_once(error);
        }
        CACHE.set(Some((Instant::now(), settings.clone())));
        settings
    }
}

/// `x-forwarded-for` or `x-forwarded-for:2`.
fn parse_proxy(text: &str) -> Option<TrustedProxy> {
    let (header, count) = match text.split_once(':') {
        Some((header, count)) => (header, count.trim().parse().ok()?),
        None => (text, 1),
    };
    let header = header.trim().to_ascii_lowercase();
    let valid = !header.is_empty()
        && header
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && (1..=MAX_PROXIES).contains(&count);
    valid.then_some(TrustedProxy { header, count })
}

fn parse_cookies(values: &Values, errors: &mut Vec<String>) -> CookieSettings {
    let defaults = CookieSettings::default();
    let same_site = match values.cookie_same_site.trim().to_ascii_lowercase().as_str() {
        "" | "lax" => SameSite::Lax,
        "none" => SameSite::None,
        "strict" => SameSite::Strict,
        _ => {
            errors.push("variable cookie_same_site is not lax, none or strict".to_owned());
            SameSite::Lax
        }
    };
    let domain = values.cookie_domain.trim().trim_start_matches('.');
    let is_domain = domain.contains('.')
        && domain
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    if !domain.is_empty() && !is_domain {
        errors.push("variable cookie_domain is not a domain such as example.com".to_owned());
    }
    let prefix = values.cookie_prefix.trim();
    let is_prefix = (1..=MAX_COOKIE_PREFIX).contains(&prefix.len())
        && prefix
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    if !prefix.is_empty() && !is_prefix {
        errors.push(
            "variable cookie_prefix is not 1 to 64 letters, digits, `_`, `.` or `-`".to_owned(),
        );
    }
    let partitioned = match values
        .cookie_partitioned
        .trim()
        .to_ascii_lowercase()
        .as_str()
    {
        "" | "off" => false,
        "on" if same_site == SameSite::None => true,
        "on" => {
            errors.push("variable cookie_partitioned needs cookie_same_site = none".to_owned());
            false
        }
        _ => {
            errors.push("variable cookie_partitioned is not on or off".to_owned());
            false
        }
    };
    CookieSettings {
        same_site,
        domain: is_domain.then(|| domain.to_ascii_lowercase()),
        prefix: if is_prefix {
            prefix.to_owned()
        } else {
            defaults.prefix
        },
        partitioned,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Values {
        Values::default()
    }

    #[test]
    fn parse_with_invalid_values_has_defaults_and_errors() {
        let settings = Settings::parse(&Values {
            origins: " https://a.example/ ,,*,null,http://b.example:1".to_owned(),
            trusted_origins: "*,https://c.example".to_owned(),
            public_url: "https://Api.example/".to_owned(),
            max_body_bytes: "x".to_owned(),
            trusted_proxy: " X-Real-IP ".to_owned(),
            ..values()
        });
        assert_eq!(
            settings.origins,
            ["https://a.example", "http://b.example:1"]
        );
        assert_eq!(settings.max_body_bytes, MAX_BODY_BYTES);
        let proxy = settings.trusted_proxy.unwrap();
        assert_eq!((proxy.header.as_str(), proxy.count), ("x-real-ip", 1));
        assert_eq!(
            settings.trusted_origins,
            [OriginPattern::Exact("https://c.example".to_owned())]
        );
        assert_eq!(
            settings.public_origin.as_deref(),
            Some("https://api.example")
        );
        assert_eq!(settings.errors.len(), 3, "{:?}", settings.errors);
        let settings = Settings::parse(&Values {
            max_body_bytes: "10".to_owned(),
            public_url: "javascript:alert(1)".to_owned(),
            ..values()
        });
        assert!(settings.origins.is_empty() && !settings.origins_configured);
        assert_eq!(settings.max_body_bytes, 10);
        assert_eq!(settings.public_origin, None);
    }

    #[test]
    fn parse_proxy_reads_the_number_of_proxies() {
        let proxy = parse_proxy("X-Forwarded-For: 2").unwrap();
        assert_eq!((proxy.header.as_str(), proxy.count), ("x-forwarded-for", 2));
        for bad in [
            "",
            ":2",
            "x-forwarded-for:0",
            "x-forwarded-for:x",
            "a b",
            "x:99",
        ] {
            assert_eq!(parse_proxy(bad), None, "{bad}");
        }
        let settings = Settings::parse(&Values {
            trusted_proxy: "x y".to_owned(),
            ..values()
        });
        assert_eq!(settings.errors.len(), 1);
    }

    #[test]
    fn parse_cookies_validates_each_value() {
        let parse = |same_site: &str, domain: &str, prefix: &str, partitioned: &str| {
            Settings::parse(&Values {
                cookie_same_site: same_site.to_owned(),
                cookie_domain: domain.to_owned(),
                cookie_prefix: prefix.to_owned(),
                cookie_partitioned: partitioned.to_owned(),
                ..values()
            })
        };
        let settings = parse("None", ".Example.com", "shop-1", "on");
        assert!(settings.errors.is_empty(), "{:?}", settings.errors);
        assert_eq!(
            settings.cookies,
            CookieSettings {
                same_site: SameSite::None,
                domain: Some("example.com".to_owned()),
                prefix: "shop-1".to_owned(),
                partitioned: true,
            }
        );
        assert_eq!(parse("", "", "", "").cookies, CookieSettings::default());
        for (same_site, domain, prefix, partitioned) in [
            ("any", "", "", ""),
            ("", "localhost", "", ""),
            ("", "a.example; Secure", "", ""),
            ("", "", "a b", ""),
            ("", "", "a=b", ""),
            ("lax", "", "", "on"),
            ("none", "", "", "yes"),
        ] {
            let settings = parse(same_site, domain, prefix, partitioned);
            assert_eq!(settings.errors.len(), 1, "{same_site} {domain} {prefix}");
        }
    }
}
