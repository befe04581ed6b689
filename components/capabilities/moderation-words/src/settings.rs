//! Parses the operator's variables.

use crate::rules::{Action, Rules};

/// The parsed variables.
#[derive(Debug)]
pub(crate) struct Settings {
    /// None when there are no words and no patterns.
    pub(crate) rules: Option<Rules>,
    /// Whether replies are checked too.
    pub(crate) check_replies: bool,
}

impl Settings {
    /// Parses the values of `moderation_words`, `moderation_patterns`, `moderation_action` and
    /// `moderation_replies`.
    ///
    /// # Errors
    /// A sentence for the log that does not quote the value.
    pub(crate) fn read(
        words: &str,
        patterns: &str,
        action: &str,
        replies: &str,
    ) -> Result<Self, String> {
        let words: Vec<_> = words
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .collect();
        let patterns: Vec<String> = match patterns.trim() {
            "" => Vec::new(),
            patterns => serde_json::from_str(patterns)
                .map_err(|_| "moderation_patterns is not a JSON array of strings".to_owned())?,
        };
        let action = match action.trim() {
            "" | "block" => Action::Block,
            "redact" => Action::Redact,
            _ => return Err("moderation_action is neither block nor redact".to_owned()),
        };
        let check_replies = match replies.trim() {
            "" | "off" => false,
            "on" => true,
            _ => return Err("moderation_replies is neither on nor off".to_owned()),
        };
        let rules = Rules::new(&words, &patterns, action)
            .map_err(|why| format!("moderation_words or moderation_patterns: {why}"))?;
        Ok(Self {
            rules,
            check_replies,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_empty_values_disables_rules_and_replies() {
        let settings = Settings::read("", "", "", "").unwrap();
        assert!(settings.rules.is_none() && !settings.check_replies);
        let settings = Settings::read(" , ", " [] ", "redact", "on").unwrap();
        assert!(settings.rules.is_none() && settings.check_replies);
    }

    #[test]
    fn read_valid_values_sets_action() {
        let settings = Settings::read(" foo , bar", r#"["\\d{4}"]"#, "redact", "on").unwrap();
        assert_eq!(settings.rules.unwrap().action, Action::Redact);
        let settings = Settings::read("foo", "", "", "").unwrap();
        assert_eq!(settings.rules.unwrap().action, Action::Block);
    }

    #[test]
    fn read_invalid_value_returns_error_without_quoting() {
        for (patterns, action, replies) in [
            ("secret", "", ""),
            ("[1]", "", ""),
            (r#"["(secret"]"#, "", ""),
            ("", "secret", ""),
            ("", "", "secret"),
        ] {
            let why = Settings::read("", patterns, action, replies).unwrap_err();
            assert!(!why.contains("secret"), "{why}");
        }
    }
}
