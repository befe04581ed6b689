//! Adding another way in to an account, and taking one away.

use journal::Platform;

use crate::account::{Account, Fact};
use crate::accounts::Accounts;
use crate::claims::{self, Claimed, Index};
use crate::flows;
use crate::issuing;
use crate::linked::{ATTEMPTS, LinkError, PAUSE, Profile, busy, checked, new_identity};
use crate::types::{self, Error};

/// Links a profile to the account that began the flow for that.
///
/// # Errors
/// As the contract says.
pub(crate) async fn link<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
    profile: Profile,
    sealed_flow: &str,
) -> Result<types::Account, LinkError> {
    let opened = flows::open(accounts, sealed_flow)?;
    let flow = opened.data;
    if flow.provider != profile.provider || flow.link_to.as_deref() != Some(user) {
        return Err(LinkError::Other(Error::TokenInvalid));
    }
    let profile = checked(profile)?;
    if accounts.read(user).await?.state.active().is_none() {
        return Err(LinkError::Other(Error::NotFound));
    }
    flows::complete(accounts, user, &opened.token_id).await?;
    link_identity(accounts, user, &profile).await?;
    let state = accounts.read(user).await?.state;
    Ok(shown(user, &state)?)
}

/// Makes an identity an account's; fine if it is already.
pub(crate) async fn link_identity<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
    profile: &Profile,
) -> Result<(), LinkError> {
    let index = Index::identity(&profile.provider, &profile.subject);
    let identity = new_identity(profile);
    let claim = identity.claim.clone();
    for _ in 0..ATTEMPTS {
        match claims::acquire(accounts, &index, user, &claim).await? {
            Claimed::Taken(owner) if owner == user => return Ok(()),
            Claimed::Taken(_) => return Err(LinkError::LinkedElsewhere),
            Claimed::Contested => accounts.platform().sleep(PAUSE).await,
            Claimed::Ours => {
                let mut view = accounts.read(user).await?;
                let fact = Fact::IdentityLinked {
                    identity,
                    at: accounts.now(),
                };
                accounts.append(user, &mut view, &fact).await?;
                if view.state.holds(&claim) {
                    return Ok(());
                }
                claims::release(accounts.platform(), &index, &claim).await?;
                return Err(LinkError::Other(refused(&view.state, &profile.provider)));
            }
        }
    }
    Err(busy())
}

/// Why an account did not take an identity that was free.
fn refused(state: &Account, provider: &str) -> Error {
    if state.active().is_none() {
        Error::NotFound
    } else if is_linked(state, provider) {
        Error::TooMany(format!("{provider} accounts"))
    } else {
        Error::Unavailable("another writer was quicker".to_owned())
    }
}

/// Takes a provider's identity away from an account, unless it is the last way in.
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
    let fact = Fact::IdentityUnlinked {
        provider: provider.to_owned(),
        at: accounts.now(),
    };
    accounts.append(user, &mut view, &fact).await?;
    if is_linked(&view.state, provider) {
        return Err(Error::TooMany(
            "accounts unlinked: this is the last way to sign in".to_owned(),
        ));
    }
    shown(user, &view.state)
}

fn is_linked(state: &Account, provider: &str) -> bool {
    let mut identities = state.identities.iter();
    identities.any(|identity| identity.provider == provider)
}

fn shown(user: &str, state: &Account) -> Result<types::Account, Error> {
    issuing::shown(user, state).ok_or(Error::NotFound)
}
