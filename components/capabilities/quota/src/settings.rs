//! The limits, and the variables that set them.

use crate::exports::limits::Action;

/// How an action is limited, and what it is called.
pub(crate) struct Setting {
    /// In storage keys.
    pub(crate) name: &'static str,
    /// The variable that sets the limit.
    pub(crate) variable: &'static str,
    /// Requests a minute where the variable sets nothing.
    pub(crate) default: u32,
}

/// The setting of an action.
pub(crate) fn setting_of(action: Action) -> Setting {
    match action {
        Action::Chat => Setting {
            name: "chat",
            variable: "rate_limit_chat_per_minute",
            default: 60,
        },
        Action::Api => Setting {
            name: "api",
            variable: "rate_limit_api_per_minute",
            default: 600,
        },
        Action::Auth => Setting {
            name: "auth",
            variable: "rate_limit_auth_per_minute",
            default: 20,
        },
        Action::Password => Setting {
            name: "password",
            variable: "rate_limit_password_per_minute",
            default: 10,
        },
        Action::Message => Setting {
            name: "message",
            variable: "rate_limit_messages_per_minute",
            default: 100,
        },
        Action::Join => Setting {
            name: "join",
            variable: "rate_limit_joins_per_minute",
            default: 30,
        },
    }
}

/// The limit that `value` sets; `Err` with the default if it is not a number.
pub(crate) fn parse(value: &str, default: u32) -> Result<u32, u32> {
    match value.trim() {
        "" => Ok(default),
        value => value.parse().map_err(|_| default),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_or_the_default() {
        assert_eq!(parse("", 60), Ok(60));
        assert_eq!(parse(" 5 ", 60), Ok(5));
        assert_eq!(parse("0", 60), Ok(0));
        assert_eq!(parse("-1", 60), Err(60));
        assert_eq!(parse("many", 60), Err(60));
        assert_eq!(parse("99999999999", 60), Err(60));
    }
}
