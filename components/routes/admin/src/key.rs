//! The operator's key.

use contracts::quota::limits::Action;
use http_edge::{ApiError, Context};
use sha2::{Digest as _, Sha256};
use spin_sdk::variables;
use subtle::ConstantTimeEq as _;

/// Shortest key that is taken, in bytes.
const SHORTEST: usize = 16;

/// Lets the operator in. 404 where there is no key, as if there were nothing here. Requests are
/// counted by the client's address before the key is looked at, and those with a wrong one once
/// more, within the narrower limit of sign-ins.
pub(crate) async fn require(context: &mut Context) -> Result<(), ApiError> {
    let key = variables::get("admin_api_key").await.unwrap_or_default();
    if key.is_empty() {
        return Err(ApiError::NotFound(http_edge::ROUTE));
    }
    if key.len() < SHORTEST {
        context
            .log
            .warn("admin_api_key is shorter than 16 bytes, and refused");
        return Err(ApiError::NotFound(http_edge::ROUTE));
    }
    let address = access::client_address(context);
    access::admit(context, Action::Api, &format!("admin_{address}")).await?;
    let given = context.head.header("x-admin-key").unwrap_or_default();
    if is_same(&key, given) {
        return Ok(());
    }
    access::admit(context, Action::Auth, &address).await?;
    Err(ApiError::Unauthorized("Missing or wrong `X-Admin-Key`."))
}

/// Compares digests, so that neither contents nor lengths show in the time it takes.
fn is_same(key: &str, given: &str) -> bool {
    Sha256::digest(key).ct_eq(&Sha256::digest(given)).into()
}

#[cfg(test)]
mod tests {
    use super::is_same;

    #[test]
    fn only_the_whole_key_opens() {
        let key = "0123456789abcdef";
        assert!(is_same(key, key));
        for wrong in [
            "",
            "0123456789abcde",
            "0123456789abcdeF",
            "0123456789abcdef0",
        ] {
            assert!(!is_same(key, wrong), "{wrong}");
        }
    }
}
