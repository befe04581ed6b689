//! Signing in with OAuth providers.
//!
//! A linked identity signs in to its account, whatever the provider says about the address. An
//! unlinked identity is linked to the account with its email address only if the provider has
//! verified the address and the account's owner has confirmed it. Otherwise an attacker could register
//! with another person's address and wait until that person signs in with a provider.

use ids::new_uuid;
use journal::unique::Acquired;
use journal::{Platform, View};

use crate::account::{Account, Email, Event, Registered};
use crate::accounts::Accounts;
use crate::claims;
use crate::fields;
use crate::oauth::{ATTEMPTS, LinkError, Profile, RETRY_DELAY, contention_error};
use crate::oauth_flow::{self, Flow, Guest};
use crate::oauth_linking;
use crate::sessions;
use crate::types::{Client, Error, SessionTokens};
use crate::unique_name::UniqueName;
use crate::views::{GUEST_PREFIX, USER_PREFIX};

/// Maximum length of a name, in characters. A longer one is cut off.
const NAME_CHARS_MAX: usize = 100;

/// The account that a profile signs in to.
enum ExistingAccount {
    /// The identity is linked to this account.
    Linked(String),
    /// This account has the same confirmed address. The identity must be linked.
    Matching(String),
    /// There is none.
    New { address: String },
}

/// Signs in to the account of a profile, and creates it if there is none. The boolean says whether it
/// was created.
///
/// # Errors
/// See the contract.
pub(crate) async fn sign_in_with_profile<P: Platform + Clone>(
    accounts: &Accounts<P>,
    profile: Profile,
    sealed_flow: &str,
    client: &Client,
) -> Result<(SessionTokens, bool), LinkError> {
    let opened = oauth_flow::open(accounts, sealed_flow)?;
    let flow = opened.data;
    if flow.provider != profile.provider || flow.link_to.is_some() {
        return Err(LinkError::Other(Error::TokenInvalid));
    }
    let profile = profile.validated()?;
    let user = resolve_account(accounts, &profile, &flow, &opened.token_id).await?;
    let (user, created) = match user {
        ResolvedAccount::Created(user) => (user, true),
        ResolvedAccount::Existing(user) => (user, false),
    };
    let mut view = accounts.read(&user).await?;
    confirm_address(accounts, &user, &mut view, &profile).await?;
    let tokens = sessions::begin(accounts, &user, &mut view, None, client).await?;
    Ok((tokens, created))
}

/// The account of a profile, after the flow was completed in its journal.
enum ResolvedAccount {
    Existing(String),
    Created(String),
}

async fn resolve_account<P: Platform + Clone>(
    accounts: &Accounts<P>,
    profile: &Profile,
    flow: &Flow,
    flow_id: &str,
) -> Result<ResolvedAccount, LinkError> {
    for _ in 0..ATTEMPTS {
        match find_account(accounts, profile).await? {
            ExistingAccount::Linked(user) => {
                oauth_flow::complete(accounts, &user, flow_id).await?;
                return Ok(ResolvedAccount::Existing(user));
            }
            ExistingAccount::Matching(user) => {
                oauth_flow::complete(accounts, &user, flow_id).await?;
                oauth_linking::link_identity(accounts, &user, profile).await?;
                return Ok(ResolvedAccount::Existing(user));
            }
            ExistingAccount::New { address } => {
                if !profile.email_verified && accounts.verification_required {
                    return Err(LinkError::Other(Error::EmailNotVerified));
                }
                if let Some(user) = register(accounts, profile, address, flow).await? {
                    oauth_flow::complete(accounts, &user, flow_id).await?;
                    return Ok(ResolvedAccount::Created(user));
                }
            }
        }
        accounts.platform().sleep(RETRY_DELAY).await;
    }
    Err(contention_error())
}

async fn find_account<P: Platform + Clone>(
    accounts: &Accounts<P>,
    profile: &Profile,
) -> Result<ExistingAccount, LinkError> {
    let identity = UniqueName::identity(&profile.provider, &profile.subject);
    if let Some(user) = claims::owner(accounts, &identity).await? {
        return Ok(ExistingAccount::Linked(user));
    }
    let email = profile.email.as_deref().and_then(fields::email);
    let address = email.ok_or(LinkError::EmailMissing)?;
    let Some(user) = claims::owner(accounts, &UniqueName::email(&address)).await? else {
        return Ok(ExistingAccount::New { address });
    };
    let state = accounts.read(&user).await?.state;
    let confirmed = state
        .active_profile()
        .is_some_and(|active| active.email.verified);
    if profile.email_verified && confirmed {
        Ok(ExistingAccount::Matching(user))
    } else {
        Err(LinkError::AccountNotLinked)
    }
}

/// Confirms the account's address if the provider has verified the same one.
///
/// # Errors
/// `email-not-verified` if the address must be confirmed and is not; `unavailable`.
async fn confirm_address<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
    view: &mut View<Account>,
    profile: &Profile,
) -> Result<(), Error> {
    let verified = |state: &Account| {
        state
            .active_profile()
            .is_some_and(|active| active.email.verified)
    };
    if verified(&view.state) {
        return Ok(());
    }
    if profile.email_verified
        && let Some(email) = &profile.email
    {
        // Has no effect if the account has another address.
        let event = Event::EmailVerified {
            email: email.to_lowercase(),
            session: None,
            at: accounts.now(),
        };
        accounts.append(user, view, &event).await?;
    }
    if accounts.verification_required && !verified(&view.state) {
        return Err(Error::EmailNotVerified);
    }
    Ok(())
}

/// Creates an account. None if another request claimed the identity or the address.
async fn register<P: Platform + Clone>(
    accounts: &Accounts<P>,
    profile: &Profile,
    address: String,
    flow: &Flow,
) -> Result<Option<String>, LinkError> {
    let (user, guest) = user_to_register(accounts, flow).await?;
    let identity = profile.new_identity();
    let by_identity = UniqueName::identity(&profile.provider, &profile.subject);
    let by_email = UniqueName::email(&address);
    let email = Email {
        address,
        verified: profile.email_verified,
        claim: new_uuid(),
    };
    let (identity_claim, email_claim) = (identity.claim.clone(), email.claim.clone());

    let claimed = claims::acquire(accounts, &by_identity, &user, &identity_claim).await?;
    if claimed != Acquired::Claimed {
        return Ok(None);
    }
    if claims::acquire(accounts, &by_email, &user, &email_claim).await? == Acquired::Claimed {
        let event = Event::Registered(Registered {
            email,
            pending: false,
            password: None,
            identity: Some(identity),
            name: name(profile),
            image: fields::image(
                profile.image.as_deref(),
                &mut fields::FieldErrors::default(),
            ),
            guest,
            at: accounts.now(),
        });
        let mut view = accounts.read(&user).await?;
        accounts.append(&user, &mut view, &event).await?;
        if view.state.holds(&email_claim) {
            return Ok(Some(user));
        }
    }
    claims::release(accounts, &by_email, &email_claim).await?;
    claims::release(accounts, &by_identity, &identity_claim).await?;
    Ok(None)
}

/// The user that becomes the account: the guest that began the flow, with its session, or a new
/// user.
async fn user_to_register<P: Platform + Clone>(
    accounts: &Accounts<P>,
    flow: &Flow,
) -> Result<(String, Option<String>), LinkError> {
    if let Some(Guest { user, session }) = &flow.guest {
        let state = accounts.read(user).await?.state;
        let usable = GUEST_PREFIX.uuid_of(user).is_some()
            && !state.deleted
            && state.profile.is_none()
            && !state.effects.is_revoked(session);
        if usable {
            return Ok((user.clone(), Some(session.clone())));
        }
    }
    Ok((USER_PREFIX.new_id(), None))
}

fn name(profile: &Profile) -> Option<String> {
    let name = profile.name.as_deref()?;
    let name: String = name.chars().filter(|c| !c.is_control()).collect();
    let name: String = name.trim().chars().take(NAME_CHARS_MAX).collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
#[path = "oauth_tests.rs"]
mod tests;
