//! The variables' meaning.

use std::time::Duration;

/// Who is given an answer that was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The user who asked first.
    User,
    /// Anybody.
    Shared,
}

/// For how long, and for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Zero: nothing is kept.
    pub(crate) time: Duration,
    pub(crate) scope: Scope,
}

impl Settings {
    /// From `response_cache_seconds` and `response_cache_scope`. What cannot be read keeps less and
    /// shares less, and comes with words for the log.
    pub(crate) fn parse(seconds: &str, scope: &str) -> (Self, Vec<&'static str>) {
        let mut troubles = Vec::new();
        let time = match seconds.trim() {
            "" => Duration::ZERO,
            seconds => match seconds.parse::<u32>() {
                Ok(seconds) => Duration::from_secs(seconds.into()),
                Err(_) => {
                    troubles.push("response_cache_seconds is not a number; nothing is cached");
                    Duration::ZERO
                }
            },
        };
        let scope = match scope.trim() {
            "shared" => Scope::Shared,
            "" | "user" => Scope::User,
            _ => {
                troubles.push("response_cache_scope is neither user nor shared; user holds");
                Scope::User
            }
        };
        (Self { time, scope }, troubles)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(seconds: &str, scope: &str) -> (u64, Scope, usize) {
        let (settings, troubles) = Settings::parse(seconds, scope);
        (settings.time.as_secs(), settings.scope, troubles.len())
    }

    #[test]
    fn what_cannot_be_read_keeps_less_and_shares_less() {
        assert_eq!(parsed("", ""), (0, Scope::User, 0));
        assert_eq!(parsed(" 60 ", "shared"), (60, Scope::Shared, 0));
        assert_eq!(parsed("60", "user"), (60, Scope::User, 0));
        assert_eq!(parsed("an hour", "everybody"), (0, Scope::User, 2));
        assert_eq!(parsed("-1", "Shared"), (0, Scope::User, 2));
    }
}
