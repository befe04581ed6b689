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
    Ok(Accounts::new(
        platform,
        keys,
        verification_required().await?,
    ))
}

/// The variable `email_verification`, read once per instance.
async fn verification_required() -> Result<bool, Error> {
    static REQUIRED: OnceLock<bool> = OnceLock::new();
    if let Some(required) = REQUIRED.get() {
        return Ok(*required);
    }
    let required = match variables::get("email_verification").await {
        Ok(value) => match value.trim() {
            "" => false,
            "required" => true,
            _ => {
                return Err(Error::Unavailable(
                    "the variable email_verification must be empty or `required`".to_owned(),
                ));
            }
        },
        Err(variables::Error::Undefined(_)) => false,
        Err(_) => {
            return Err(Error::Unavailable(
                "the variable email_verification cannot be read".to_owned(),
            ));
        }
    };
    Ok(*REQUIRED.get_or_init(|| required))
}
