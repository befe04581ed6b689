//! Linking an identity to an account, and unlinking one.

use journal::Platform;
use journal::unique::Acquired;

use crate::account::{Account, Event};
use crate::accounts::Accounts;
use crate::claims;
use crate::oauth::{ATTEMPTS, LinkError, Profile, RETRY_DELAY, contention_error};
use crate::oauth_flow;
use crate::types::{self, Error};
use crate::unique_name::UniqueName;
use crate::views;

/// Links a profile to the account that began the flow.
///
/// # Errors
/// See the contract.
pub(crate) async fn link<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
    profile: Profile,
    sealed_flow: &str,
) -> Result<types::Account, LinkError> {
    let opened = oauth_flow::open(accounts, sealed_flow)?;
    let flow = opened.data;
    if flow.provider != profile.provider || flow.link_to.as_deref() != Some(user) {
        return Err(LinkError::Other(Error::TokenInvalid));
    }
    let profile = profile.validated()?;
    if accounts.read(user).await?.state.active_profile().is_none() {
        return Err(LinkError::Other(Error::NotFound));
    }
    oauth_flow::complete(accounts, user, &opened.token_id).await?;
    link_identity(accounts, user, &profile).await?;
    let state = accounts.read(user).await?.state;
    Ok(view_of(user, &state)?)
}

/// Links an identity to an account. Idempotent.
///
/// # Errors
/// See the contract.
pub(crate) async fn link_identity<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
    profile: &Profile,
) -> Result<(), LinkError> {
    let index = UniqueName::identity(&profile.provider, &profile.subject);
    let identity = profile.new_identity();
    let claim = identity.claim.clone();
    for _ in 0..ATTEMPTS {
        match claims::acquire(accounts, &index, user, &claim).await? {
            Acquired::Taken(owner) if owner == user => return Ok(()),
            Acquired::Taken(_) => return Err(LinkError::LinkedElsewhere),
            Acquired::Contested => accounts.platform().sleep(RETRY_DELAY).await,
            Acquired::Claimed => {
                let mut view = accounts.read(user).await?;
                let event = Event::IdentityLinked {
                    identity,
                    at: accounts.now(),
                };
                accounts.append(user, &mut view, &event).await?;
                if view.state.holds(&claim) {
                    return Ok(());
                }
                claims::release(accounts, &index, &claim).await?;
                return Err(LinkError::Other(link_refused(
                    &view.state,
                    &profile.provider,
                )));
            }
        }
    }
    Err(contention_error())
}

/// Why the aggregate refused an identity that was not claimed.
fn link_refused(state: &Account, provider: &str) -> Error {
    if state.active_profile().is_none() {
        Error::NotFound
    } else if is_linked(state, provider) {
        Error::TooMany(format!("{provider} accounts"))
    } else {
        Error::Unavailable("another request changed the account".to_owned())
    }
}

/// Unlinks a provider's identity, unless it is the last way to sign in.
///
/// # Errors
/// `not-found`, `too-many`, `unavailable`.
pub(crate) async fn unlink<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
    provider: &str,
) -> Result<types::Account, Error> {
    let mut view = accounts.read(user).await?;
    if !is_linked(&view.state, provider) {
        return Err(Error::NotFound);
    }
    let event = Event::IdentityUnlinked {
        provider: provider.to_owned(),
        at: accounts.now(),
    };
    accounts.append(user, &mut view, &event).await?;
    if is_linked(&view.state, provider) {
        return Err(Error::TooMany(
            "accounts unlinked: this is the last way to sign in".to_owned(),
        ));
    }
    view_of(user, &view.state)
}

fn is_linked(state: &Account, provider: &str) -> bool {
    let mut identities = state.identities.iter();
    identities.any(|identity| identity.provider == provider)
}

fn view_of(user: &str, state: &Account) -> Result<types::Account, Error> {
    views::account(user, state).ok_or(Error::NotFound)
}
