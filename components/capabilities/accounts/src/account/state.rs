//! What the facts of a user's journal add up to.

use journal::Fold;
use serde::{Deserialize, Serialize};

use super::chores::{Chores, Listing};
use super::facts::{Email, Ending, Fact, Identity, Key, Password, Registered, Session};

/// How long a completed OAuth flow is remembered, in milliseconds: well beyond its life.
const FLOWS_KEPT: u64 = 60 * 60 * 1000;

/// Completed OAuth flows that are remembered at most.
const FLOWS_MAX: usize = 100;

/// Barred claims that are remembered; they come to nothing within seconds.
const BARRED_MAX: usize = 20;

/// One user.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Account {
    /// Present once there is an account.
    pub(crate) profile: Option<Profile>,
    pub(crate) sessions: Vec<Session>,
    /// Whether the session that a guest begins with has left a fact.
    pub(crate) guest_known: bool,
    /// Oldest first, the revoked ones too.
    pub(crate) keys: Vec<Key>,
    pub(crate) identities: Vec<Identity>,
    pub(crate) flows: Vec<Flow>,
    barred: Vec<String>,
    /// Whether it has been deleted for good.
    pub(crate) dead: bool,
    pub(crate) chores: Chores,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Profile {
    pub(crate) email: Email,
    /// Whether it waits for its owner to confirm the address. Until then nobody has signed in, and a
    /// guest that applied is still a guest.
    #[serde(default)]
    pub(crate) pending: bool,
    pub(crate) password: Option<Password>,
    pub(crate) name: Option<String>,
    pub(crate) image: Option<String>,
    /// The session of the guest that it was.
    pub(crate) guest: Option<String>,
    pub(crate) created: u64,
    pub(crate) updated: u64,
}

/// A completed OAuth flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Flow {
    pub(crate) id: String,
    /// Which attempt completed it.
    pub(crate) attempt: String,
    pub(crate) at: u64,
}

impl Fold for Account {
    const VERSION: u32 = 1;

    type Entry = Fact;

    fn apply(&mut self, number: u64, fact: Fact) {
        if self.dead {
            if !matches!(fact, Fact::Erased | Fact::Deleted { .. }) {
                self.chores.strays.push(number);
            }
            return;
        }
        match fact {
            Fact::Registered(registered) => self.register(registered),
            Fact::EmailVerified { email, session, at } => self.verify(&email, session, at),
            Fact::PasswordSet {
                password,
                replacing,
                ending,
                verifies,
                at,
            } => {
                if self.set_password(password, replacing, verifies, at) {
                    self.end(&ending, at);
                }
            }
            Fact::Rehashed { password } => self.rehash(password),
            Fact::Updated {
                name,
                image,
                clears_name,
                clears_image,
                at,
            } => {
                if let Some(profile) = &mut self.profile {
                    profile.name = name.or(profile.name.take().filter(|_| !clears_name));
                    profile.image = image.or(profile.image.take().filter(|_| !clears_image));
                    profile.updated = at;
                }
            }
            Fact::SessionStarted { session, password } => self.start(session, password.as_deref()),
            Fact::Refreshed {
                session,
                generation,
                begins,
                at,
            } => self.refresh(&session, generation, begins, at),
            Fact::SessionEnded { session, at } => self.end_session(session, at),
            Fact::SessionsEnded { ending, guest, at } => {
                self.know_guest(guest);
                self.end(&ending, at);
            }
            Fact::KeyCreated(key) => self.add_key(key),
            Fact::KeyRevoked { key, at } => self.revoke_keys(Some(&key), at),
            Fact::KeysRevoked { at } => self.revoke_keys(None, at),
            Fact::IdentityLinked { identity, at } => self.link(identity, at),
            Fact::IdentityUnlinked { provider, at } => self.unlink(&provider, at),
            Fact::FlowCompleted { flow, attempt, at } => self.complete_flow(flow, attempt, at),
            Fact::Barred { claim } => {
                if !self.holds(&claim) && !self.barred.contains(&claim) {
                    self.barred.push(claim);
                    keep_last(&mut self.barred, BARRED_MAX);
                }
            }
            Fact::Deleted { dead, guest, at } => self.delete(number, dead, guest, at),
            Fact::Erased => {}
        }
    }
}

impl Account {
    /// Whether a claim has led to something that the account has.
    pub(crate) fn holds(&self, claim: &str) -> bool {
        let email = self.profile.iter().map(|profile| &profile.email.claim);
        let identities = self.identities.iter().map(|identity| &identity.claim);
        email.chain(identities).any(|held| held == claim)
    }

    /// A session that has not ended.
    pub(crate) fn session(&self, id: &str) -> Option<&Session> {
        self.sessions.iter().find(|session| session.id == id)
    }

    /// The account, unless it waits for its owner to confirm the address.
    pub(crate) fn active(&self) -> Option<&Profile> {
        self.profile.as_ref().filter(|profile| !profile.pending)
    }

    fn register(&mut self, registered: Registered) {
        let Registered {
            email,
            pending,
            password,
            identity,
            name,
            image,
            guest,
            at,
        } = registered;
        let barred = |claim: &String| self.barred.contains(claim);
        if barred(&email.claim) || identity.iter().any(|identity| barred(&identity.claim)) {
            return;
        }
        match self.profile.take() {
            Some(before) if !before.pending => {
                self.profile = Some(before);
                return;
            }
            Some(before) if before.email.claim != email.claim => {
                self.chores.release_email(before.email, at);
            }
            _ => {}
        }
        self.profile = Some(Profile {
            email,
            pending: true,
            password,
            name,
            image,
            guest,
            created: at,
            updated: at,
        });
        let new = identity.filter(|identity| !self.identities.contains(identity));
        self.identities.extend(new);
        self.chores.list(Listing::Registered, at);
        if !pending {
            self.confirm(at);
        }
    }

    /// From now on there is an account, and the guest that it was is gone.
    pub(super) fn confirm(&mut self, at: u64) {
        let Some(profile) = &mut self.profile else {
            return;
        };
        if !std::mem::take(&mut profile.pending) {
            return;
        }
        if let Some(guest) = profile.guest.clone() {
            self.know_guest(Some(guest));
            self.end(&Ending::All, at);
            // Whoever began as the guest may be somebody else than who registers.
            self.revoke_keys(None, at);
        }
    }

    fn verify(&mut self, email: &str, session: Option<Session>, at: u64) {
        let Some(profile) = &mut self.profile else {
            return;
        };
        if profile.email.verified || profile.email.address.to_lowercase() != email {
            return;
        }
        profile.email.verified = true;
        profile.updated = at;
        self.confirm(at);
        if let Some(session) = session {
            self.start(session, None);
        }
    }

    fn set_password(
        &mut self,
        password: Password,
        replacing: Option<String>,
        verifies: bool,
        at: u64,
    ) -> bool {
        let Some(profile) = &mut self.profile else {
            return false;
        };
        let current = profile.password.as_ref().map(|current| &current.id);
        if current != replacing.as_ref() {
            return false;
        }
        let proves = verifies && !profile.email.verified;
        profile.password = Some(password);
        profile.email.verified |= verifies;
        profile.updated = at;
        if verifies {
            self.confirm(at);
        }
        if proves {
            // Until now anybody could have made ways in to an account with somebody else's address.
            self.revoke_keys(None, at);
            for identity in std::mem::take(&mut self.identities) {
                self.chores.release_identity(identity, at);
            }
        }
        true
    }

    fn rehash(&mut self, password: Password) {
        let profile = self.profile.as_mut();
        let current = profile.and_then(|profile| profile.password.as_mut());
        if let Some(current) = current.filter(|current| current.id == password.id) {
            *current = password;
        }
    }

    fn link(&mut self, identity: Identity, at: u64) {
        let Some(profile) = &mut self.profile else {
            return;
        };
        let linked = |other: &Identity| other.provider == identity.provider;
        if self.barred.contains(&identity.claim) || self.identities.iter().any(linked) {
            return;
        }
        profile.updated = at;
        self.identities.push(identity);
    }

    fn unlink(&mut self, provider: &str, at: u64) {
        let Some(profile) = &mut self.profile else {
            return;
        };
        // There is always another way in.
        if profile.password.is_none() && self.identities.len() < 2 {
            return;
        }
        let place = self
            .identities
            .iter()
            .position(|identity| identity.provider == provider);
        if let Some(place) = place {
            profile.updated = at;
            let identity = self.identities.remove(place);
            self.chores.release_identity(identity, at);
        }
    }

    fn complete_flow(&mut self, id: String, attempt: String, at: u64) {
        self.flows
            .retain(|flow| flow.at.saturating_add(FLOWS_KEPT) > at);
        if self.flows.iter().any(|flow| flow.id == id) {
            return;
        }
        self.flows.push(Flow { id, attempt, at });
        keep_last(&mut self.flows, FLOWS_MAX);
    }

    fn delete(&mut self, number: u64, dead: bool, guest: Option<String>, at: u64) {
        self.know_guest(guest);
        let ended = std::mem::take(self);
        self.guest_known = ended.guest_known;
        let mut chores = ended.chores;
        chores.mark_all(ended.sessions, at);
        for key in ended.keys {
            chores.forget_key(key, at);
        }
        for identity in ended.identities {
            chores.release_identity(identity, at);
        }
        if let Some(profile) = ended.profile {
            chores.release_email(profile.email, at);
            chores.list(Listing::Deleted, at);
        }
        chores.erase = number.saturating_sub(1);
        chores.since = at;
        self.chores = chores;
        self.dead = dead;
    }
}

fn keep_last<T>(list: &mut Vec<T>, most: usize) {
    let surplus = list.len().saturating_sub(most);
    list.drain(..surplus);
}
