//! Signing in through OAuth providers, and which of their identities belong to which account.
//!
//! An identity that is linked signs in to its account, whatever else the provider says. One that is
//! not is linked to the account with its email address only if both sides vouch for that: the
//! provider says that it is verified, and the account's owner has confirmed it. Otherwise whoever
//! registers with somebody else's address first could wait for them to link their identity to it.

use journal::{Platform, View};
use uuid::Uuid;

use crate::account::{Account, Email, Fact, Identity, Registered};
use crate::accounts::Accounts;
use crate::claims::{self, Claimed, Index};
use crate::fields;
use crate::flows::{self, Flow, Guest};
use crate::issuing::{self, USER_PREFIX};
use crate::linking;
use crate::sessions;
use crate::types::{Client, Error, SessionTokens};

/// How often it is looked again after somebody else was about to have the identity or the address.
pub(crate) const ATTEMPTS: usize = 12;

/// How long to wait in between, in milliseconds: together, longer than a claimant takes who lives.
pub(crate) const PAUSE: u64 = 250;

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
pub(crate) async fn sign_in_with_profile<P: Platform + Clone>(
    accounts: &Accounts<P>,
    profile: Profile,
    sealed_flow: &str,
    client: &Client,
) -> Result<(SessionTokens, bool), LinkError> {
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
    let mut view = accounts.read(&user).await?;
    confirm_address(accounts, &user, &mut view, &profile).await?;
    let tokens = sessions::begin(accounts, &user, &mut view, None, client).await?;
    Ok((tokens, made))
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
                linking::link_identity(accounts, &user, profile).await?;
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

/// Whoever is signed in to an account by its provider has shown that the address is theirs if the
/// provider vouches for the same one.
async fn confirm_address<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
    view: &mut View<Account>,
    profile: &Profile,
) -> Result<(), Error> {
    let verified = |state: &Account| state.active().is_some_and(|active| active.email.verified);
    if verified(&view.state) {
        return Ok(());
    }
    if profile.email_verified
        && let Some(email) = &profile.email
    {
        // Changes nothing if the account has another address.
        let fact = Fact::EmailVerified {
            email: email.to_lowercase(),
            session: None,
            at: accounts.now(),
        };
        accounts.append(user, view, &fact).await?;
    }
    if accounts.verification_required && !verified(&view.state) {
        return Err(Error::EmailNotVerified);
    }
    Ok(())
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
    if let Some(Guest { user, session }) = &flow.guest {
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

/// What a route hands over comes from a provider, and is looked at like anything from outside.
pub(crate) fn checked(profile: Profile) -> Result<Profile, LinkError> {
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

pub(crate) fn new_identity(profile: &Profile) -> Identity {
    Identity {
        provider: profile.provider.clone(),
        subject: profile.subject.clone(),
        claim: Uuid::new_v4().to_string(),
    }
}

pub(crate) fn busy() -> LinkError {
    let text = "somebody else is linking the same identity or address";
    LinkError::Other(Error::Unavailable(text.to_owned()))
}

#[cfg(test)]
#[path = "linked_tests.rs"]
mod tests;
