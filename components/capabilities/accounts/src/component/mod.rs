//! The exports of the component, one module per interface.

mod api_keys;
mod directory;
mod linked_accounts;
mod recovery;
mod registration;
mod sessions;
mod user_data;

use std::sync::OnceLock;

use credentials::signing;
use journal::Spin;
use spin_sdk::variables;

use crate::accounts::Accounts;
use crate::password::PasswordRules;
use crate::types::Error;

struct Component;

mod export {
    #![allow(unsafe_code, unreachable_pub, reason = "generated")]
    use super::Component;
    crate::bindings::export!(Component with_types_in crate::bindings);
}

/// The accounts in the store of this request.
///
/// # Errors
/// `unavailable` if the store, the signing keys or a variable cannot be read.
async fn accounts() -> Result<Accounts<Spin>, Error> {
    let keys = signing::keys().await;
    let keys = keys.map_err(|error| Error::Unavailable(error.to_string()))?;
    let platform = Spin::open_default().await?;
    let settings = settings().await?;
    let accounts = Accounts::new(platform, keys, settings.verification_required);
    Ok(accounts.with_password_rules(settings.password_rules))
}

/// The variables of this component.
struct Settings {
    verification_required: bool,
    password_rules: PasswordRules,
}

/// The variables, read once per instance.
///
/// # Errors
/// `unavailable` if a value is invalid or cannot be read.
async fn settings() -> Result<&'static Settings, Error> {
    static SETTINGS: OnceLock<Settings> = OnceLock::new();
    if let Some(settings) = SETTINGS.get() {
        return Ok(settings);
    }
    let verification_required = match variable("email_verification").await?.trim() {
        "" => false,
        "required" => true,
        _ => {
            return Err(Error::Misconfigured(
                "the variable email_verification must be empty or `required`".to_owned(),
            ));
        }
    };
    let settings = Settings {
        verification_required,
        password_rules: PasswordRules::parse(&variable("password_min_score").await?)?,
    };
    Ok(SETTINGS.get_or_init(|| settings))
}

/// The value of a variable. Empty if it is not defined.
async fn variable(name: &str) -> Result<String, Error> {
    match variables::get(name).await {
        Ok(value) => Ok(value),
        Err(variables::Error::Undefined(_)) => Ok(String::new()),
        Err(_) => Err(Error::Misconfigured(format!(
            "the variable {name} cannot be read"
        ))),
    }
}
