//! What is remembered in a browser while its user is away at an OAuth provider.

use credentials::is_id;
use credentials::keys::TokenKind;
use credentials::payload::{self, Payload};
use credentials::tokens::TokenError;
use journal::Platform;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::account::Fact;
use crate::accounts::Accounts;
use crate::linked::LinkError;
use crate::types::{Error, FieldError};

/// How long a flow is good, in seconds.
const FLOW_SECONDS: u64 = 10 * 60;

/// Longest sealed flow, in bytes: browsers keep 4,096 of a cookie, its name and attributes
/// included (RFC 6265, section 6.1).
const SEALED_BYTES_MAX: usize = 3_800;

/// Longest name of a provider, in characters.
const PROVIDER_CHARS_MAX: usize = 32;

/// A flow, as it is sealed.
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

/// Seals a flow for a cookie.
///
/// # Errors
/// `invalid` for what does not fit into one, `not-found` for users that cannot be.
pub(crate) fn seal<P: Platform + Clone>(
    accounts: &Accounts<P>,
    flow: &Flow,
) -> Result<String, Error> {
    let users = flow
        .link_to
        .iter()
        .chain(flow.guest.iter().map(|guest| &guest.user));
    if !users.into_iter().all(|user| is_id(user)) {
        return Err(Error::NotFound);
    }
    if !is_provider(&flow.provider) {
        return Err(problem("provider", "is none"));
    }
    let now = accounts.now() / 1000;
    payload::sign(accounts.keys(), TokenKind::Flow, flow, FLOW_SECONDS, now)
        .filter(|sealed| sealed.len() <= SEALED_BYTES_MAX)
        .ok_or_else(|| problem("callbackURL", "is too long"))
}

/// Opens a sealed flow.
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

/// Completes a flow in the journal of the user that it leads to.
///
/// # Errors
/// `Replayed` if it has been before; those of the journal.
pub(crate) async fn complete<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
    flow: &str,
) -> Result<(), LinkError> {
    let attempt = Uuid::new_v4().to_string();
    let mut view = accounts.read(user).await?;
    let fact = Fact::FlowCompleted {
        flow: flow.to_owned(),
        attempt: attempt.clone(),
        at: accounts.now(),
    };
    accounts.append(user, &mut view, &fact).await?;
    if view.state.dead {
        return Err(LinkError::Other(Error::NotFound));
    }
    let first = view.state.flows.iter().find(|known| known.id == flow);
    match first {
        Some(known) if known.attempt == attempt => Ok(()),
        _ => Err(LinkError::Replayed),
    }
}

/// Whether it can be the name of a provider; a colon would make two identities one.
pub(crate) fn is_provider(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=PROVIDER_CHARS_MAX).contains(&name.len()) && name.bytes().all(plain)
}

fn problem(field: &str, message: &str) -> Error {
    Error::Invalid(vec![FieldError {
        field: field.to_owned(),
        message: message.to_owned(),
    }])
}
