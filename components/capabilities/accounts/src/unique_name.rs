//! Names that only one account can have: email addresses and identities at OAuth providers.

use ids::sha256_hex;
use journal::Platform;
use journal::unique::Unique;
use serde::{Deserialize, Serialize};

/// A unique name, as the name of the journal of its claims. A hash, so that keys of the store do not
/// contain the address or the identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UniqueName(String);

impl UniqueName {
    /// An email address, without regard to case.
    pub(crate) fn email(address: &str) -> Self {
        Self(format!(
            "identity:e:{}",
            sha256_hex(&[&address.to_lowercase()])
        ))
    }

    /// An identity at an OAuth provider, whose name contains no colon.
    pub(crate) fn identity(provider: &str, subject: &str) -> Self {
        Self(format!("identity:i:{}", sha256_hex(&[provider, subject])))
    }

    /// The claims to this name.
    pub(crate) fn claims<P: Platform + Clone>(&self, platform: &P) -> Unique<P> {
        Unique::new(platform.clone(), self.0.clone())
    }
}
