//! Profiles of OAuth providers, and why one may not lead to a session.

use ids::new_uuid;

use crate::account::Identity;
use crate::types::Error;

/// How often an operation is tried while another writer claims the same identity or address.
pub(crate) const ATTEMPTS: usize = 12;

/// The time between two attempts, in milliseconds. All attempts together take longer than a claim.
pub(crate) const RETRY_DELAY: u64 = 250;

/// Maximum length of a provider's id of a user, in bytes.
const SUBJECT_BYTES_MAX: usize = 255;

/// Maximum length of a provider's name, in characters.
const PROVIDER_CHARS_MAX: usize = 32;

/// A user as a provider describes it.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    pub(crate) provider: String,
    pub(crate) subject: String,
    pub(crate) email: Option<String>,
    pub(crate) email_verified: bool,
    pub(crate) name: Option<String>,
    pub(crate) image: Option<String>,
}

/// Why a profile did not lead to a session. See the contract.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum LinkError {
    AccountNotLinked,
    EmailMissing,
    LinkedElsewhere,
    Replayed,
    Other(Error),
}

impl From<Error> for LinkError {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl Profile {
    /// Validates the provider and the subject, which come from outside.
    ///
    /// # Errors
    /// `unavailable`.
    pub(crate) fn validated(self) -> Result<Self, LinkError> {
        let subject_valid = (1..=SUBJECT_BYTES_MAX).contains(&self.subject.len());
        if subject_valid && is_provider(&self.provider) {
            return Ok(self);
        }
        let text = "the provider's id of the user is invalid";
        Err(LinkError::Other(Error::Unavailable(text.to_owned())))
    }

    /// The identity of this profile, with the id of a new claim.
    pub(crate) fn new_identity(&self) -> Identity {
        Identity {
            provider: self.provider.clone(),
            subject: self.subject.clone(),
            claim: new_uuid(),
        }
    }
}

/// Whether `name` is a valid provider name. A colon would make identities ambiguous.
pub(crate) fn is_provider(name: &str) -> bool {
    let valid = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=PROVIDER_CHARS_MAX).contains(&name.len()) && name.bytes().all(valid)
}

/// Another writer kept the identity or the address claimed.
pub(crate) fn contention_error() -> LinkError {
    let text = "another request is linking the same identity or address";
    LinkError::Other(Error::Unavailable(text.to_owned()))
}
