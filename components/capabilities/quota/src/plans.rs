//! The plans, from the variable `plans`.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The plan of users that have no other.
pub(crate) const DEFAULT_PLAN: &str = "free";
/// Plans that exist even if the variable does not name them; they then have no limits.
const BUILT_IN: [&str; 3] = [DEFAULT_PLAN, "pro", "business"];
/// Longest name of a plan, in bytes.
const MAX_NAME_BYTES: usize = 32;
/// Most plans that the variable may have.
const MAX_PLANS: usize = 32;

/// The limits of a plan; none means no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Plan {
    /// Credits of a month (UTC).
    pub(crate) monthly_credits: Option<u64>,
    /// Chat turns per minute, in place of the variable's limit.
    pub(crate) chat_per_minute: Option<u32>,
}

/// All plans by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plans(BTreeMap<String, Plan>);

impl Plans {
    /// Parses the variable's value. If it is empty, nothing is limited.
    ///
    /// # Errors
    /// The cause, for the log. Requests must then fail, because the limits are unknown.
    pub(crate) fn parse(value: &str) -> Result<Self, String> {
        let mut plans: BTreeMap<String, Plan> = match value.trim() {
            "" => BTreeMap::new(),
            text => serde_json::from_str(text)
                .map_err(|error| format!("the variable plans cannot be read: {error}"))?,
        };
        for (name, plan) in &plans {
            if !is_name(name) {
                return Err(
                    "the variable plans cannot be read: names of plans have 1 to 32 \
                            characters of [a-z0-9_-]"
                        .to_owned(),
                );
            }
            // In other variables 0 means "no limit"; here it would be read as "nothing allowed".
            if plan.chat_per_minute == Some(0) {
                return Err(format!(
                    "the variable plans cannot be read: chatPerMinute of {name} must be at least 1"
                ));
            }
        }
        for name in BUILT_IN {
            plans.entry(name.to_owned()).or_default();
        }
        if plans.len() > MAX_PLANS {
            return Err(format!(
                "the variable plans cannot be read: more than {MAX_PLANS} plans"
            ));
        }
        Ok(Self(plans))
    }

    /// The plan of that name. If it no longer exists, the default plan, so that removing a plan never
    /// removes a limit.
    pub(crate) fn of<'a>(&'a self, name: Option<&'a str>) -> (&'a str, Plan) {
        name.and_then(|name| Some((name, *self.0.get(name)?)))
            .unwrap_or_else(|| {
                let default = self.0.get(DEFAULT_PLAN).copied();
                (DEFAULT_PLAN, default.unwrap_or_default())
            })
    }

    /// Whether a plan of that name exists.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Whether any plan has a limit of credits.
    pub(crate) fn limit_credits(&self) -> bool {
        self.0.values().any(|plan| plan.monthly_credits.is_some())
    }

    /// Whether any plan has a limit of chat turns.
    pub(crate) fn limit_chat(&self) -> bool {
        self.0.values().any(|plan| plan.chat_per_minute.is_some())
    }

    /// Their names, the default one first.
    pub(crate) fn names(&self) -> Vec<String> {
        let others = self.0.keys().map(String::as_str);
        let others = others.filter(|name| !BUILT_IN.contains(name));
        BUILT_IN
            .into_iter()
            .chain(others)
            .map(str::to_owned)
            .collect()
    }
}

fn is_name(name: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&name.len())
        && name.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_of_an_empty_value_gives_three_plans_without_limits() {
        for value in ["", "  ", "{}"] {
            let plans = Plans::parse(value).unwrap();
            assert_eq!(plans.names(), ["free", "pro", "business"]);
            assert!(!plans.limit_credits() && !plans.limit_chat());
            assert_eq!(plans.of(None), ("free", Plan::default()));
        }
    }

    #[test]
    fn parse_of_plans_reads_their_limits() {
        let plans = Plans::parse(
            r#"{"free": {"monthlyCredits": 100000, "chatPerMinute": 10},
                "pro": {"monthlyCredits": 2000000}, "business": {}, "a-team": {}}"#,
        )
        .unwrap();
        assert_eq!(plans.names(), ["free", "pro", "business", "a-team"]);
        assert_eq!(plans.of(Some("pro")).1.monthly_credits, Some(2_000_000));
        assert_eq!(plans.of(Some("pro")).1.chat_per_minute, None);
        assert_eq!(plans.of(Some("business")).1, Plan::default());
        assert!(plans.limit_credits() && plans.limit_chat());
    }

    #[test]
    fn of_a_removed_plan_is_the_default_plan() {
        let plans = Plans::parse(r#"{"free": {"monthlyCredits": 5}}"#).unwrap();
        let (name, plan) = plans.of(Some("gone"));
        assert_eq!((name, plan.monthly_credits), ("free", Some(5)));
    }

    #[test]
    fn parse_of_a_malformed_value_fails() {
        for value in [
            "unlimited",
            "[]",
            "{",
            r#"{"free": 5}"#,
            r#"{"free": {"monthlyCredit": 5}}"#,
            r#"{"free": {"monthlyCredits": -5}}"#,
            r#"{"free": {"monthlyCredits": "5"}}"#,
            r#"{"free": {"monthlyCredits": 1.5}}"#,
            r#"{"free": {"chatPerMinute": 0}}"#,
            r#"{"free": {"chatPerMinute": 99999999999}}"#,
            r#"{"Free": {}}"#,
            r#"{"": {}}"#,
            r#"{"free": {}} {}"#,
        ] {
            assert!(Plans::parse(value).is_err(), "{value}");
        }
    }
}
