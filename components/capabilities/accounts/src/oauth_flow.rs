//! The state of an OAuth sign-in, which the browser keeps while the user is at the provider.

use credentials::keys::TokenKind;
use credentials::payload::{self, Payload};
use credentials::tokens::TokenError;
use ids::is_key_part;
use ids::new_uuid;
use journal::Platform;
use serde::{Deserialize, Serialize};

use crate::account::Event;
use crate::accounts::Accounts;
use crate::oauth::{LinkError, is_provider};
use crate::types::{Error, FieldError};

/// How long a flow is valid, in seconds.
const FLOW_SECONDS: u64 = 10 * 60;

/// Maximum length of a sealed flow, in bytes. Browsers store 4,096 bytes of a cookie, including its
/// name and attributes (RFC 6265, section 6.1).
const SEALED_BYTES_MAX: usize = 3_800;

/// A flow as it is sealed. See the contract for the fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Flow {
    pub(crate) provider: String,
    pub(crate) state: String,
    pub(crate) code_verifier: String,
    pub(crate) callback_url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) new_user_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) link_to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) guest: Option<Guest>,
}

/// The session of a guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Guest {
    pub(crate) user: String,
    pub(crate) session: String,
}

/// Encodes a flow for a cookie.
///
/// # Errors
/// `invalid` if it does not fit a cookie, `not-found` for invalid user ids.
pub(crate) fn seal<P: Platform + Clone>(
    accounts: &Accounts<P>,
    flow: &Flow,
) -> Result<String, Error> {
    let guest = flow.guest.iter().map(|guest| &guest.user);
    if !flow
        .link_to
        .iter()
        .chain(guest)
        .all(|user| is_key_part(user))
    {
        return Err(Error::NotFound);
    }
    if !is_provider(&flow.provider) {
        return Err(field_error("provider", "is not a provider's name"));
    }
    let now = accounts.now() / 1000;
    payload::sign(accounts.keys(), TokenKind::Flow, flow, FLOW_SECONDS, now)
        .filter(|sealed| sealed.len() <= SEALED_BYTES_MAX)
        .ok_or_else(|| field_error("callbackURL", "is too long"))
}

/// Decodes a sealed flow.
///
/// # Errors
/// `token-invalid`, `token-expired`.
pub(crate) fn open<P: Platform + Clone>(
    accounts: &Accounts<P>,
    sealed: &str,
) -> Result<Payload<Flow>, Error> {
    let now = accounts.now() / 1000;
    payload::verify(accounts.keys(), TokenKind::Flow, sealed, now).map_err(|error| match error {
        TokenError::Invalid => Error::TokenInvalid,
        TokenError::Expired => Error::TokenExpired,
    })
}

/// Records in the user's journal that a flow was completed.
///
/// # Errors
/// `Replayed` if it was completed before; those of the journal.
pub(crate) async fn complete<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
    flow: &str,
) -> Result<(), LinkError> {
    let attempt = new_uuid();
    let mut view = accounts.read(user).await?;
    let event = Event::FlowCompleted {
        flow: flow.to_owned(),
        attempt: attempt.clone(),
        at: accounts.now(),
    };
    accounts.append(user, &mut view, &event).await?;
    if view.state.deleted {
        return Err(LinkError::Other(Error::NotFound));
    }
    let first_use = view.state.flows.iter().find(|flow_use| flow_use.id == flow);
    match first_use {
        Some(first_use) if first_use.attempt == attempt => Ok(()),
        _ => Err(LinkError::Replayed),
    }
}

fn field_error(field: &str, message: &str) -> Error {
    Error::Invalid(vec![FieldError {
        field: field.to_owned(),
        message: message.to_owned(),
    }])
}
