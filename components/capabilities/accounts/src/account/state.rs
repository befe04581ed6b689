//! The state of one user, computed from the journal.

use journal::Fold;
use serde::{Deserialize, Serialize};

use super::events::{Email, Event, Identity, Key, Password, Registered, Session, SessionsToEnd};
use super::pending_effects::{DirectoryUpdate, PendingEffects};

/// How long a completed OAuth flow is remembered, in milliseconds. Longer than a flow is valid.
const FLOWS_KEPT: u64 = 60 * 60 * 1000;

/// Maximum number of completed OAuth flows that are remembered.
const FLOWS_MAX: usize = 100;

/// Maximum number of rejected claims that are remembered. A claim is used within seconds.
const REJECTED_CLAIMS_MAX: usize = 20;

/// One user.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Account {
    /// None for guests and external users.
    pub(crate) profile: Option<Profile>,
    pub(crate) sessions: Vec<Session>,
    /// Whether the first session of a guest is recorded.
    pub(crate) guest_session_recorded: bool,
    /// Oldest first, including revoked ones.
    pub(crate) keys: Vec<Key>,
    pub(crate) identities: Vec<Identity>,
    pub(crate) flows: Vec<Flow>,
    rejected_claims: Vec<String>,
    /// Whether the user was permanently deleted.
    pub(crate) deleted: bool,
    pub(crate) effects: PendingEffects,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Profile {
    pub(crate) email: Email,
    /// Whether the account waits for its owner to confirm the address. Until then its owner is not signed
    /// in, and a guest that registered is still a guest.
    #[serde(default)]
    pub(crate) pending: bool,
    pub(crate) password: Option<Password>,
    pub(crate) name: Option<String>,
    pub(crate) image: Option<String>,
    /// The session of the guest that became the account.
    pub(crate) guest: Option<String>,
    pub(crate) created: u64,
    pub(crate) updated: u64,
}

/// A completed OAuth flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Flow {
    pub(crate) id: String,
    /// The attempt that completed it.
    pub(crate) attempt: String,
    pub(crate) at: u64,
}

impl Fold for Account {
    const VERSION: u32 = 1;

    type Entry = Event;

    fn apply(&mut self, number: u64, event: Event) {
        if self.deleted {
            if !matches!(event, Event::Erased | Event::Deleted { .. }) {
                self.effects.late_entries.push(number);
            }
            return;
        }
        match event {
            Event::Registered(registered) => self.register(registered),
            Event::EmailVerified { email, session, at } => self.verify(&email, session, at),
            Event::EmailChanged {
                email,
                replaces,
                at,
            } => self.change_email(email, &replaces, at),
            Event::PasswordSet {
                password,
                replaces,
                sessions_to_end,
                confirms_email,
                at,
            } => {
                if self.set_password(password, replaces, confirms_email, at) {
                    self.end(&sessions_to_end, at);
                }
            }
            Event::PasswordRehashed { password } => self.rehash(password),
            Event::Updated {
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
            Event::SessionStarted { session, password } => self.start(session, password.as_deref()),
            Event::SessionRefreshed {
                session,
                generation,
                guest_session,
                at,
            } => self.refresh(&session, generation, guest_session, at),
            Event::SessionEnded { session, at } => self.end_session(session, at),
            Event::SessionsEnded {
                sessions_to_end,
                guest,
                at,
            } => {
                self.record_guest_session(guest);
                self.end(&sessions_to_end, at);
            }
            Event::KeyCreated(key) => self.add_key(key),
            Event::KeyRevoked { key, at } => self.revoke_keys(Some(&key), at),
            Event::KeysRevoked { at } => self.revoke_keys(None, at),
            Event::IdentityLinked { identity, at } => self.link(identity, at),
            Event::IdentityUnlinked { provider, at } => self.unlink(&provider, at),
            Event::FlowCompleted { flow, attempt, at } => self.complete_flow(flow, attempt, at),
            Event::ClaimRejected { claim } => {
                if !self.holds(&claim) && !self.rejected_claims.contains(&claim) {
                    self.rejected_claims.push(claim);
                    keep_last(&mut self.rejected_claims, REJECTED_CLAIMS_MAX);
                }
            }
            Event::Deleted {
                permanent,
                guest,
                at,
            } => self.delete(number, permanent, guest, at),
            Event::Erased => {}
        }
    }
}

impl Account {
    /// Whether the account uses a claim.
    pub(crate) fn holds(&self, claim: &str) -> bool {
        let email = self.profile.iter().map(|profile| &profile.email.claim);
        let identities = self.identities.iter().map(|identity| &identity.claim);
        email.chain(identities).any(|held| held == claim)
    }

    /// An active session.
    pub(crate) fn session(&self, id: &str) -> Option<&Session> {
        self.sessions.iter().find(|session| session.id == id)
    }

    /// The account's data, unless it waits for its owner to confirm the address.
    pub(crate) fn active_profile(&self) -> Option<&Profile> {
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
        let rejected_claims = |claim: &String| self.rejected_claims.contains(claim);
        if rejected_claims(&email.claim)
            || identity
                .iter()
                .any(|identity| rejected_claims(&identity.claim))
        {
            return;
        }
        match self.profile.take() {
            Some(before) if !before.pending => {
                self.profile = Some(before);
                return;
            }
            Some(before) if before.email.claim != email.claim => {
                self.effects.release_email(before.email, at);
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
        self.effects
            .update_directory(DirectoryUpdate::Registered, at);
        if !pending {
            self.confirm(at);
        }
    }

    /// Activates a pending account. The guest that it was ends.
    pub(super) fn confirm(&mut self, at: u64) {
        let Some(profile) = &mut self.profile else {
            return;
        };
        if !std::mem::take(&mut profile.pending) {
            return;
        }
        if let Some(guest) = profile.guest.clone() {
            self.record_guest_session(Some(guest));
            self.end(&SessionsToEnd::All, at);
            // The person who used the guest's keys may not be the one who registers.
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

    fn change_email(&mut self, email: Email, replaces: &str, at: u64) {
        if self.rejected_claims.contains(&email.claim) {
            return;
        }
        let active = self.profile.as_mut().filter(|profile| !profile.pending);
        if let Some(profile) = active.filter(|profile| profile.email.claim == replaces) {
            profile.updated = at;
            let before = std::mem::replace(&mut profile.email, email);
            self.effects.release_email(before, at);
        }
    }

    fn set_password(
        &mut self,
        password: Password,
        replaces: Option<String>,
        confirms_email: bool,
        at: u64,
    ) -> bool {
        let Some(profile) = &mut self.profile else {
            return false;
        };
        let current = profile.password.as_ref().map(|current| &current.id);
        if current != replaces.as_ref() {
            return false;
        }
        let proves = confirms_email && !profile.email.verified;
        profile.password = Some(password);
        profile.email.verified |= confirms_email;
        profile.updated = at;
        if confirms_email {
            self.confirm(at);
        }
        if proves {
            // Before, anybody could have registered this address and added keys and identities.
            self.revoke_keys(None, at);
            for identity in std::mem::take(&mut self.identities) {
                self.effects.release_identity(identity, at);
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
        if self.rejected_claims.contains(&identity.claim) || self.identities.iter().any(linked) {
            return;
        }
        profile.updated = at;
        self.identities.push(identity);
    }

    fn unlink(&mut self, provider: &str, at: u64) {
        let Some(profile) = &mut self.profile else {
            return;
        };
        // The last way to sign in is kept.
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
            self.effects.release_identity(identity, at);
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

    fn delete(&mut self, number: u64, permanent: bool, guest: Option<String>, at: u64) {
        self.record_guest_session(guest);
        let ended = std::mem::take(self);
        self.guest_session_recorded = ended.guest_session_recorded;
        let mut effects = ended.effects;
        effects.revoke_sessions(ended.sessions, at);
        for key in ended.keys {
            effects.delete_key(key, at);
        }
        for identity in ended.identities {
            effects.release_identity(identity, at);
        }
        if let Some(profile) = ended.profile {
            effects.release_email(profile.email, at);
            effects.update_directory(DirectoryUpdate::Deleted, at);
        }
        effects.erase_through = number.saturating_sub(1);
        effects.changed_at = at;
        self.effects = effects;
        self.deleted = permanent;
    }
}

fn keep_last<T>(list: &mut Vec<T>, most: usize) {
    let surplus = list.len().saturating_sub(most);
    list.drain(..surplus);
}
