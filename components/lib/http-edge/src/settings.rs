//! The variables that every route reads.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use spin_sdk::variables;
use url::Url;

/// How long a value is used before it is asked for again: variables may come from a vault.
const FRESH: Duration = Duration::from_secs(30);
/// 1 MiB.
const MAX_BODY_BYTES: u64 = 1_048_576;

thread_local! {
    /// The same for every user, hence kept over requests.
    static CACHE: std::cell::RefCell<Option<(Instant, Rc<Settings>)>> =
        const { std::cell::RefCell::new(None) };
}

/// Values of the variables `cors_origins`, `trusted_origins`, `public_url`, `max_body_bytes` and
/// `trusted_proxy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Origins that may call with credentials, exactly as browsers send them.
    pub origins: Vec<String>,
    /// Further origins that are ours: they may send cookies along, and be sent back to.
    pub trusted_origins: Vec<String>,
    /// The origin under which browsers reach us, if the operator has named it.
    pub public_origin: Option<String>,
    /// Largest request body.
    pub max_body_bytes: u64,
    /// The header field, in lower case, in which a trusted proxy names the client; none when
    /// there is no such proxy.
    pub trusted_proxy: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self::parse(&Values {
            origins: "http://localhost:4321,http://localhost:3000".to_owned(),
            ..Values::default()
        })
    }
}

/// The variables as they are written.
#[derive(Default)]
struct Values {
    origins: String,
    trusted_origins: String,
    public_url: String,
    max_body_bytes: String,
    trusted_proxy: String,
}

impl Settings {
    fn parse(values: &Values) -> Self {
        let trusted_proxy = values.trusted_proxy.trim().to_ascii_lowercase();
        Self {
            origins: origins(&values.origins),
            trusted_origins: origins(&values.trusted_origins),
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
            trusted_proxy: (!trusted_proxy.is_empty()).then_some(trusted_proxy),
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
        // A variable that the component is not given counts as its default.
        let defaults = Self::default();
        let settings = Rc::new(Self::parse(&Values {
            origins: variables::get("cors_origins")
                .await
                .unwrap_or_else(|_| defaults.origins.join(",")),
            trusted_origins: variables::get("trusted_origins").await.unwrap_or_default(),
            public_url: variables::get("public_url").await.unwrap_or_default(),
            max_body_bytes: variables::get("max_body_bytes").await.unwrap_or_default(),
            trusted_proxy: variables::get("trusted_proxy").await.unwrap_or_default(),
        }));
        CACHE.set(Some((Instant::now(), settings.clone())));
        settings
    }
}

fn origins(list: &str) -> Vec<String> {
    list.split(',')
        .map(|origin| origin.trim().trim_end_matches('/').to_owned())
        // `*` would let any site act for a signed-in user; `null` any sandboxed frame.
        .filter(|origin| !matches!(origin.as_str(), "" | "*" | "null"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_forgiving_and_wildcards_are_not_taken() {
        let settings = Settings::parse(&Values {
            origins: " https://a.example/ ,,*,null,http://b.example:1".to_owned(),
            trusted_origins: "*,https://c.example".to_owned(),
            public_url: "https://Api.example/".to_owned(),
            max_body_bytes: "x".to_owned(),
            trusted_proxy: " X-Real-IP ".to_owned(),
        });
        assert_eq!(
            settings.origins,
            ["https://a.example", "http://b.example:1"]
        );
        assert_eq!(settings.max_body_bytes, MAX_BODY_BYTES);
        assert_eq!(settings.trusted_proxy.as_deref(), Some("x-real-ip"));
        assert_eq!(settings.trusted_origins, ["https://c.example"]);
        assert_eq!(
            settings.public_origin.as_deref(),
            Some("https://api.example")
        );
        let settings = Settings::parse(&Values {
            max_body_bytes: "10".to_owned(),
            public_url: "javascript:alert(1)".to_owned(),
            ..Values::default()
        });
        assert!(settings.origins.is_empty());
        assert_eq!(settings.max_body_bytes, 10);
        assert_eq!(settings.public_origin, None);
    }
}
