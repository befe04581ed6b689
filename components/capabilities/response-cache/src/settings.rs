//! The variables.

use std::time::Duration;

/// Which users get a stored response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The user who requested it first.
    User,
    /// Anybody.
    Shared,
}

/// For how long and for whom responses are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Zero: the cache is off.
    pub(crate) time: Duration,
    pub(crate) scope: Scope,
}

impl Settings {
    /// Parses `response_cache_seconds` and `response_cache_scope`. A malformed value means the stricter setting,
    /// and comes with a warning for the log.
    pub(crate) fn parse(seconds: &str, scope: &str) -> (Self, Vec<&'static str>) {
        let mut warnings = Vec::new();
        let time = match seconds.trim() {
            "" => Duration::ZERO,
            seconds => match seconds.parse::<u32>() {
                Ok(seconds) => Duration::from_secs(seconds.into()),
                Err(_) => {
                    warnings.push("response_cache_seconds is not a number; nothing is cached");
                    Duration::ZERO
                }
            },
        };
        let scope = match scope.trim() {
            "shared" => Scope::Shared,
            "" | "user" => Scope::User,
            _ => {
                warnings.push("response_cache_scope is neither user nor shared; user is used");
                Scope::User
            }
        };
        (Self { time, scope }, warnings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(seconds: &str, scope: &str) -> (u64, Scope, usize) {
        let (settings, warnings) = Settings::parse(seconds, scope);
        (settings.time.as_secs(), settings.scope, warnings.len())
    }

    #[test]
    fn parse_of_malformed_values_is_strict_and_warns() {
        assert_eq!(parsed("", ""), (0, Scope::User, 0));
        assert_eq!(parsed(" 60 ", "shared"), (60, Scope::Shared, 0));
        assert_eq!(parsed("60", "user"), (60, Scope::User, 0));
        assert_eq!(parsed("an hour", "everybody"), (0, Scope::User, 2));
        assert_eq!(parsed("-1", "Shared"), (0, Scope::User, 2));
    }
}
