//! The sessions of one user.

use super::facts::{Ending, Session};
use super::state::Account;

/// Sessions of one user at a time; of more, the one that was renewed longest ago ends.
pub(crate) const SESSIONS_MAX: usize = 100;

/// How long a refresh token may be used again, in milliseconds: two tabs do that at once.
pub(crate) const REFRESH_LEEWAY: u64 = 10_000;

impl Account {
    pub(super) fn start(&mut self, session: Session, password: Option<&str>) {
        let Some(profile) = &self.profile else {
            return;
        };
        let current = profile.password.as_ref().map(|current| current.id.as_str());
        let changed = password.is_some() && password != current;
        let known = self.session(&session.id).is_some() || self.chores.is_marked(&session.id);
        if changed || known {
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

    pub(super) fn refresh(&mut self, id: &str, generation: u64, begins: Option<Session>, at: u64) {
        if let Some(session) = begins.filter(|session| session.id == id)
            && !self.guest_known
            && self.active().is_none()
        {
            self.guest_known = true;
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

    /// Takes note of the session that a guest began with, so that it cannot begin again.
    pub(super) fn know_guest(&mut self, guest: Option<String>) {
        let Some(id) = guest else { return };
        if !std::mem::replace(&mut self.guest_known, true) {
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
        self.chores.mark(id, at);
    }

    pub(super) fn end(&mut self, ending: &Ending, at: u64) {
        let kept = match ending {
            Ending::None => return,
            Ending::All => None,
            Ending::AllBut(id) => Some(id),
        };
        let sessions = std::mem::take(&mut self.sessions).into_iter();
        let (kept, ended): (Vec<_>, Vec<_>) =
            sessions.partition(|session| Some(&session.id) == kept);
        self.sessions = kept;
        self.chores.mark_all(ended, at);
    }
}

impl Session {
    /// Whether a refresh token of this generation is good at this time.
    pub(crate) fn accepts(&self, generation: u64, at: u64) -> bool {
        let used_again = generation.saturating_add(1) == self.generation
            && at.saturating_sub(self.renewed) <= REFRESH_LEEWAY;
        generation == self.generation || used_again
    }
}
