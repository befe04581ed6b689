//! Signing in through OAuth providers, and which of their identities belong to which account.
//!
//! An identity that is linked signs in to its account, whatever else the provider says. One that is
//! not is linked to the account with its email address only if both sides vouch for that: the
//! provider says that it is verified, and the account's owner has confirmed it. Otherwise whoever
//! registers with somebody else's address first could wait for them to link their identity to it.

use journal::Platform;
use uuid::Uuid;

use crate::account::{Account, Email, Fact, Identity, Registered};
use crate::accounts::Accounts;
use crate::claims::{self, Claimed, Index};
use crate::fields;
use crate::flows::{self, Flow};
use crate::issuing::{self, USER_PREFIX};
use crate::types::{self, Client, Error, SignedIn};

/// How often it is looked again after somebody else was about to have the identity or the address.
const ATTEMPTS: usize = 12;

/// How long to wait in between, in milliseconds: together, longer than a claimant takes who lives.
const PAUSE: u64 = 250;

/// Longest id at a provider, in bytes.
const SUBJECT_BYTES_MAX: usize = 255;

/// Longest name, in characters; what a provider sends beyond is cut off.
const NAME_CHARS_MAX: usize = 100;

/// Who the provider says it is.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    pub(crate) provider: String,
    pub(crate) subject: String,
    pub(crate) email: Option<String>,
    pub(crate) email_verified: bool,
    pub(crate) name: Option<String>,
    pub(crate) image: Option<String>,
}

/// Why a profile did not lead to a session.
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

/// A way to the account that a profile stands for.
enum Way {
    /// It is linked.
    Linked(String),
    /// It is to be linked, because of the address.
    Matching(String),
    /// There is none yet.
    New { address: String },
}

/// Signs in the account that a profile stands for, making it if there is none. True if it was made.
///
/// # Errors
/// As the contract says.
pub(crate) async fn sign_in_with<P: Platform + Clone>(
    accounts: &Accounts<P>,
    profile: Profile,
    sealed_flow: &str,
    client: &Client,
) -> Result<(SignedIn, bool), LinkError> {
    let opened = flows::open(accounts, sealed_flow)?;
    let flow = opened.data;
    if flow.provider != profile.provider || flow.link_to.is_some() {
        return Err(LinkError::Other(Error::TokenInvalid));
    }
    let profile = checked(profile)?;
    let user = settle(accounts, &profile, &flow, &opened.token_id).await?;
    let (user, made) = match user {
        Settled::Made(user) => (user, true),
        Settled::Found(user) => (user, false),
    };
    let signed_in = begin_session(accounts, &user, client).await?;
    Ok((signed_in, made))
}

/// The account, after the flow has been completed in its journal.
enum Settled {
    Found(String),
    Made(String),
}

async fn settle<P: Platform + Clone>(
    accounts: &Accounts<P>,
    profile: &Profile,
    flow: &Flow,
    flow_id: &str,
) -> Result<Settled, LinkError> {
    for _ in 0..ATTEMPTS {
        match find_way(accounts, profile).await? {
            Way::Linked(user) => {
                flows::complete(accounts, &user, flow_id).await?;
                return Ok(Settled::Found(user));
            }
            Way::Matching(user) => {
                flows::complete(accounts, &user, flow_id).await?;
                link_identity(accounts, &user, profile).await?;
                return Ok(Settled::Found(user));
            }
            Way::New { address } => {
                if !profile.email_verified && accounts.verification_required {
                    return Err(LinkError::Other(Error::EmailNotVerified));
                }
                if let Some(user) = register(accounts, profile, address, flow).await? {
                    flows::complete(accounts, &user, flow_id).await?;
                    return Ok(Settled::Made(user));
                }
            }
        }
        accounts.platform().sleep(PAUSE).await;
    }
    Err(busy())
}

async fn find_way<P: Platform + Clone>(
    accounts: &Accounts<P>,
    profile: &Profile,
) -> Result<Way, LinkError> {
    let identity = Index::identity(&profile.provider, &profile.subject);
    if let Some(user) = claims::owner(accounts, &identity).await? {
        return Ok(Way::Linked(user));
    }
    let email = profile.email.as_deref().and_then(fields::email);
    let address = email.ok_or(LinkError::EmailMissing)?;
    let Some(user) = claims::owner(accounts, &Index::email(&address)).await? else {
        return Ok(Way::New { address });
    };
    let state = accounts.read(&user).await?.state;
    let confirmed = state.active().is_some_and(|active| active.email.verified);
    if profile.email_verified && confirmed {
        Ok(Way::Matching(user))
    } else {
        Err(LinkError::AccountNotLinked)
    }
}

/// Makes an account; none if somebody else got the identity or the address meanwhile.
async fn register<P: Platform + Clone>(
    accounts: &Accounts<P>,
    profile: &Profile,
    address: String,
    flow: &Flow,
) -> Result<Option<String>, LinkError> {
    let (user, guest) = applicant(accounts, flow).await?;
    let identity = new_identity(profile);
    let by_identity = Index::identity(&profile.provider, &profile.subject);
    let by_email = Index::email(&address);
    let email = Email {
        address,
        verified: profile.email_verified,
        claim: Uuid::new_v4().to_string(),
    };
    let (identity_claim, email_claim) = (identity.claim.clone(), email.claim.clone());

    let claimed = claims::acquire(accounts, &by_identity, &user, &identity_claim).await?;
    if claimed != Claimed::Ours {
        return Ok(None);
    }
    if claims::acquire(accounts, &by_email, &user, &email_claim).await? == Claimed::Ours {
        let fact = Fact::Registered(Registered {
            email,
            pending: false,
            password: None,
            identity: Some(identity),
            name: name(profile),
            image: fields::image(profile.image.as_deref(), &mut fields::Problems::default()),
            guest,
            at: accounts.now(),
        });
        let mut view = accounts.read(&user).await?;
        accounts.append(&user, &mut view, &fact).await?;
        if view.state.holds(&email_claim) {
            return Ok(Some(user));
        }
    }
    claims::release(accounts.platform(), &by_email, &email_claim).await?;
    claims::release(accounts.platform(), &by_identity, &identity_claim).await?;
    Ok(None)
}

/// Who is to become the account: the guest who began the flow, with the session that ends, or
/// somebody new.
async fn applicant<P: Platform + Clone>(
    accounts: &Accounts<P>,
    flow: &Flow,
) -> Result<(String, Option<String>), LinkError> {
    if let Some((user, session)) = &flow.guest {
        let state = accounts.read(user).await?.state;
        let usable = issuing::guest_session_id(user).is_some()
            && !state.dead
            && state.profile.is_none()
            && !state.chores.is_marked(session);
        if usable {
            return Ok((user.clone(), Some(session.clone())));
        }
    }
    Ok((format!("{USER_PREFIX}{}", Uuid::new_v4()), None))
}

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
async fn link_identity<P: Platform + Clone>(
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

async fn begin_session<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
    client: &Client,
) -> Result<SignedIn, Error> {
    let mut view = accounts.read(user).await?;
    let id = Uuid::new_v4().to_string();
    let session = issuing::new_session(id, client, accounts.now());
    let fact = Fact::SessionStarted {
        session: session.clone(),
        password: None,
    };
    accounts.append(user, &mut view, &fact).await?;
    if view.state.session(&session.id).is_none() {
        return Err(Error::NotFound);
    }
    issuing::sign_in(accounts, shown(user, &view.state)?, &session)
}

/// What a route hands over comes from a provider, and is looked at like anything from outside.
fn checked(profile: Profile) -> Result<Profile, LinkError> {
    let fits = (1..=SUBJECT_BYTES_MAX).contains(&profile.subject.len());
    if fits && flows::is_provider(&profile.provider) {
        return Ok(profile);
    }
    let text = "the provider's id of the user is none";
    Err(LinkError::Other(Error::Unavailable(text.to_owned())))
}

fn name(profile: &Profile) -> Option<String> {
    let name = profile.name.as_deref()?;
    let name: String = name.chars().filter(|c| !c.is_control()).collect();
    let name: String = name.trim().chars().take(NAME_CHARS_MAX).collect();
    (!name.is_empty()).then_some(name)
}

fn new_identity(profile: &Profile) -> Identity {
    Identity {
        provider: profile.provider.clone(),
        subject: profile.subject.clone(),
        claim: Uuid::new_v4().to_string(),
    }
}

fn is_linked(state: &Account, provider: &str) -> bool {
    let mut identities = state.identities.iter();
    identities.any(|identity| identity.provider == provider)
}

fn shown(user: &str, state: &Account) -> Result<types::Account, Error> {
    issuing::shown(user, state).ok_or(Error::NotFound)
}

fn busy() -> LinkError {
    let text = "somebody else is linking the same identity or address";
    LinkError::Other(Error::Unavailable(text.to_owned()))
}

#[cfg(test)]
#[path = "linked_tests.rs"]
mod tests;
