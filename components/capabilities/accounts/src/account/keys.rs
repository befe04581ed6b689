//! The API keys of one user.

use super::facts::Key;
use super::state::Account;

/// API keys of one user that are neither revoked nor too old.
pub(crate) const LIVE_KEYS_MAX: usize = 50;

/// How long an API key is still listed after its end, in milliseconds.
pub(crate) const ENDED_KEYS_KEPT: u64 = 30 * 24 * 60 * 60 * 1000;

/// API keys that are listed after their end at most.
const ENDED_KEYS_MAX: usize = 100;

impl Account {
    pub(super) fn add_key(&mut self, key: Key) {
        let now = key.created;
        let live = self.keys.iter().filter(|key| key.is_live(now)).count();
        if live >= LIVE_KEYS_MAX || self.keys.iter().any(|known| known.id == key.id) {
            return;
        }
        self.forget_keys(now);
        self.keys.push(key);
    }

    pub(super) fn revoke_keys(&mut self, id: Option<&str>, at: u64) {
        for key in &mut self.keys {
            if key.revoked.is_none() && id.is_none_or(|id| key.id == id) {
                key.revoked = Some(at);
                self.chores.delete_record(key.hash.clone(), at);
            }
        }
        self.forget_keys(at);
    }

    fn forget_keys(&mut self, now: u64) {
        let ended = self.keys.iter().filter(|key| !key.is_live(now)).count();
        let mut surplus = ended.saturating_sub(ENDED_KEYS_MAX);
        for key in std::mem::take(&mut self.keys) {
            match key.ended(now) {
                Some(end) if surplus > 0 || end.saturating_add(ENDED_KEYS_KEPT) <= now => {
                    surplus = surplus.saturating_sub(1);
                    self.chores.forget_key(key, now);
                }
                _ => self.keys.push(key),
            }
        }
    }
}

impl Key {
    /// When it was revoked or became too old; none while it is good.
    pub(crate) fn ended(&self, now: u64) -> Option<u64> {
        let expired = self.expires.filter(|at| *at <= now);
        self.revoked.into_iter().chain(expired).min()
    }

    pub(crate) fn is_live(&self, now: u64) -> bool {
        self.ended(now).is_none()
    }
}
