//! The variables that every route reads.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use spin_sdk::variables;

/// How long a value is used before it is asked for again: variables may come from a vault.
const FRESH: Duration = Duration::from_secs(30);
/// 1 MiB.
const MAX_BODY_BYTES: u64 = 1_048_576;

thread_local! {
    /// The same for every user, hence kept over requests.
    static CACHE: std::cell::RefCell<Option<(Instant, Rc<Settings>)>> =
        const { std::cell::RefCell::new(None) };
}

/// Values of the variables `cors_origins`, `max_body_bytes` and `trusted_proxy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Origins that may call with credentials, exactly as browsers send them.
    pub origins: Vec<String>,
    /// Largest request body.
    pub max_body_bytes: u64,
    /// The header field, in lower case, in which a trusted proxy names the client; none when
    /// there is no such proxy.
    pub trusted_proxy: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self::parse(
            "http://localhost:4321,http://localhost:3000",
            &MAX_BODY_BYTES.to_string(),
            "",
        )
    }
}

impl Settings {
    fn parse(origins: &str, max_body_bytes: &str, trusted_proxy: &str) -> Self {
        let trusted_proxy = trusted_proxy.trim().to_ascii_lowercase();
        Self {
            origins: origins
                .split(',')
                .map(|origin| origin.trim().trim_end_matches('/').to_owned())
                // `*` would let any site act for a signed-in user; `null` any sandboxed frame.
                .filter(|origin| !matches!(origin.as_str(), "" | "*" | "null"))
                .collect(),
            max_body_bytes: max_body_bytes
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
        let settings = Rc::new(Self::parse(
            &variables::get("cors_origins")
                .await
                .unwrap_or_else(|_| defaults.origins.join(",")),
            &variables::get("max_body_bytes").await.unwrap_or_default(),
            &variables::get("trusted_proxy").await.unwrap_or_default(),
        ));
        CACHE.set(Some((Instant::now(), settings.clone())));
        settings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_forgiving_and_wildcards_are_not_taken() {
        let settings = Settings::parse(
            " https://a.example/ ,,*,null,http://b.example:1",
            "x",
            " X-Real-IP ",
        );
        assert_eq!(
            settings.origins,
            ["https://a.example", "http://b.example:1"]
        );
        assert_eq!(settings.max_body_bytes, MAX_BODY_BYTES);
        assert_eq!(settings.trusted_proxy.as_deref(), Some("x-real-ip"));
        assert!(Settings::parse("", "10", "").origins.is_empty());
        assert_eq!(Settings::parse("", "10", "").max_body_bytes, 10);
    }
}
