//! Authentication of the operator of the application, by the key in `X-Admin-Key`.
//!
//! May import the contract `goldfish:quota`, `access` and `http-edge`.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "native builds contain only the logic, for its unit tests"
    )
)]

use contracts::quota::limits::Action;
use http_edge::{ApiError, Context};
use sha2::{Digest as _, Sha256};
use spin_sdk::variables;
use subtle::ConstantTimeEq as _;

/// Minimum length of the key, in bytes.
const MIN_BYTES: usize = 16;

const WRONG_KEY: ApiError = ApiError::Unauthorized("Missing or wrong `X-Admin-Key`.");

/// Requires the operator's key (401). 404 if `admin_api_key` is not set. Requests are counted against
/// the rate limit of the client's address before the key is compared; those with a wrong key also
/// against the lower limit of sign-ins.
pub async fn require(context: &mut Context) -> Result<(), ApiError> {
    let key = variables::get("admin_api_key").await.unwrap_or_default();
    if key.is_empty() {
        return Err(ApiError::NotFound(http_edge::ROUTE));
    }
    if key.len() < MIN_BYTES {
        context
            .log
            .warn("admin_api_key is shorter than 16 bytes and is not accepted");
        return Err(ApiError::NotFound(http_edge::ROUTE));
    }
    let address = access::client_address(context);
    access::admit(context, Action::Api, &format!("admin_{address}")).await?;
    let given = context.head.header("x-admin-key").unwrap_or_default();
    if is_equal(&key, given) {
        return Ok(());
    }
    access::admit(context, Action::Auth, &address).await?;
    Err(WRONG_KEY)
}

/// Whether the operator sent the request: it has `X-Admin-Key`. For routes that users call too.
///
/// # Errors
/// 401 if the key is wrong or `admin_api_key` is not set; 429.
pub async fn is_operator(context: &mut Context) -> Result<bool, ApiError> {
    if context.head.header("x-admin-key").is_none() {
        return Ok(false);
    }
    match require(context).await {
        Ok(()) => Ok(true),
        Err(ApiError::NotFound(_)) => Err(WRONG_KEY),
        Err(error) => Err(error),
    }
}

/// Compares digests in constant time, so that the time shows neither content nor length.
fn is_equal(key: &str, given: &str) -> bool {
    Sha256::digest(key).ct_eq(&Sha256::digest(given)).into()
}

#[cfg(test)]
mod tests {
    use super::is_equal;

    #[test]
    fn is_equal_of_other_key_is_false() {
        let key = "0123456789abcdef";
        assert!(is_equal(key, key));
        for wrong in [
            "",
            "0123456789abcde",
            "0123456789abcdeF",
            "0123456789abcdef0",
        ] {
            assert!(!is_equal(key, wrong), "{wrong}");
        }
    }
}
