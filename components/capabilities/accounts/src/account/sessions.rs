//! The sessions of one user.

use super::events::{Session, SessionsToEnd};
use super::state::Account;

/// Maximum number of sessions of one user. Beyond it the least recently renewed one ends.
pub(crate) const SESSIONS_MAX: usize = 100;

/// How long the predecessor of a refresh token is accepted, in milliseconds. Two tabs may refresh at
/// the same time.
pub(crate) const REFRESH_LEEWAY: u64 = 10_000;

impl Account {
    pub(super) fn start(&mut self, session: Session, password: Option<&str>) {
        let Some(profile) = &self.profile else {
            return;
        };
        let current = profile.password.as_ref().map(|current| current.id.as_str());
        let changed = password.is_some() && password != current;
        let exists = self.session(&session.id).is_some() || self.effects.is_revoked(&session.id);
        if changed || exists {
            return;
        }
        self.confirm(session.created);
        let at = session.created;
        self.sessions.push(session);
        while self.sessions.len() > SESSIONS_MAX {
            let oldest = self.sessions.iter().min_by_key(|session| session.renewed);
            let Some(oldest) = oldest.map(|session| session.id.clone()) else {
                return;
            };
            self.end_session(oldest, at);
        }
    }

    pub(super) fn refresh(
        &mut self,
        id: &str,
        generation: u64,
        guest_session: Option<Session>,
        at: u64,
    ) {
        if let Some(session) = guest_session.filter(|session| session.id == id)
            && !self.guest_session_recorded
            && self.active_profile().is_none()
        {
            self.guest_session_recorded = true;
            self.sessions.push(session);
        }
        let Some(session) = self.sessions.iter_mut().find(|session| session.id == id) else {
            return;
        };
        if generation == session.generation {
            session.generation = generation.saturating_add(1);
            session.renewed = at;
        } else if !session.accepts(generation, at) {
            self.end_session(id.to_owned(), at);
        }
    }

    /// Records the first session of a guest, so that it cannot be recorded again.
    pub(super) fn record_guest_session(&mut self, guest: Option<String>) {
        let Some(id) = guest else { return };
        if !std::mem::replace(&mut self.guest_session_recorded, true) {
            self.sessions.push(Session {
                id,
                created: 0,
                renewed: 0,
                generation: 0,
                address: None,
                user_agent: None,
            });
        }
    }

    pub(super) fn end_session(&mut self, id: String, at: u64) {
        self.sessions.retain(|session| session.id != id);
        self.effects.revoke_session(id, at);
    }

    pub(super) fn end(&mut self, sessions_to_end: &SessionsToEnd, at: u64) {
        let kept = match sessions_to_end {
            SessionsToEnd::None => return,
            SessionsToEnd::All => None,
            SessionsToEnd::AllExcept(id) => Some(id),
        };
        let sessions = std::mem::take(&mut self.sessions).into_iter();
        let (kept, ended): (Vec<_>, Vec<_>) =
            sessions.partition(|session| Some(&session.id) == kept);
        self.sessions = kept;
        self.effects.revoke_sessions(ended, at);
    }
}

impl Session {
    /// Whether a refresh token of this generation is accepted at this time.
    pub(crate) fn accepts(&self, generation: u64, at: u64) -> bool {
        let is_predecessor = generation.saturating_add(1) == self.generation
            && at.saturating_sub(self.renewed) <= REFRESH_LEEWAY;
        generation == self.generation || is_predecessor
    }
}
