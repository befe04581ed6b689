//! The operator's variables.

use crate::rules::{Action, Rules};

/// What the variables say.
#[derive(Debug)]
pub(crate) struct Settings {
    /// None if there is nothing to look for.
    pub(crate) rules: Option<Rules>,
    /// Whether replies are looked at too.
    pub(crate) replies: bool,
}

impl Settings {
    /// Reads the values of `moderation_words`, `moderation_patterns`, `moderation_action` and
    /// `moderation_replies`.
    ///
    /// # Errors
    /// A sentence for the log, which quotes no value.
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
        let replies = match replies.trim() {
            "" | "off" => false,
            "on" => true,
            _ => return Err("moderation_replies is neither on nor off".to_owned()),
        };
        let rules = Rules::new(&words, &patterns, action)
            .map_err(|why| format!("moderation_words or moderation_patterns: {why}"))?;
        Ok(Self { rules, replies })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_values_are_off() {
        let settings = Settings::read("", "", "", "").unwrap();
        assert!(settings.rules.is_none() && !settings.replies);
        let settings = Settings::read(" , ", " [] ", "redact", "on").unwrap();
        assert!(settings.rules.is_none() && settings.replies);
    }

    #[test]
    fn values_are_read() {
        let settings = Settings::read(" foo , bar", r#"["\\d{4}"]"#, "redact", "on").unwrap();
        assert_eq!(settings.rules.unwrap().action, Action::Redact);
        let settings = Settings::read("foo", "", "", "").unwrap();
        assert_eq!(settings.rules.unwrap().action, Action::Block);
    }

    #[test]
    fn what_is_not_understood_is_an_error_and_not_quoted() {
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
