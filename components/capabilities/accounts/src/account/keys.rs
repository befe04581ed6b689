//! The API keys of one user.

use super::events::Key;
use super::state::Account;

/// Maximum number of active API keys of one user.
pub(crate) const ACTIVE_KEYS_MAX: usize = 50;

/// How long a revoked or expired API key is listed, in milliseconds.
pub(crate) const ENDED_KEYS_LISTED: u64 = 30 * 24 * 60 * 60 * 1000;

/// Maximum number of revoked and expired API keys that are listed.
const ENDED_KEYS_MAX: usize = 100;

impl Account {
    pub(super) fn add_key(&mut self, key: Key) {
        let now = key.created;
        let active = self.keys.iter().filter(|key| key.is_active(now)).count();
        if active >= ACTIVE_KEYS_MAX || self.keys.iter().any(|existing| existing.id == key.id) {
            return;
        }
        self.delete_old_keys(now);
        self.keys.push(key);
    }

    pub(super) fn revoke_keys(&mut self, id: Option<&str>, at: u64) {
        for key in &mut self.keys {
            if key.revoked.is_none() && id.is_none_or(|id| key.id == id) {
                key.revoked = Some(at);
                self.effects.delete_key_record(key.hash.clone(), at);
            }
        }
        self.delete_old_keys(at);
    }

    fn delete_old_keys(&mut self, now: u64) {
        let ended = self.keys.iter().filter(|key| !key.is_active(now)).count();
        let mut surplus = ended.saturating_sub(ENDED_KEYS_MAX);
        for key in std::mem::take(&mut self.keys) {
            match key.ended(now) {
                Some(end) if surplus > 0 || end.saturating_add(ENDED_KEYS_LISTED) <= now => {
                    surplus = surplus.saturating_sub(1);
                    self.effects.delete_key(key, now);
                }
                _ => self.keys.push(key),
            }
        }
    }
}

impl Key {
    /// When the key was revoked or expired. None while it is active.
    pub(crate) fn ended(&self, now: u64) -> Option<u64> {
        let expired = self.expires.filter(|at| *at <= now);
        self.revoked.into_iter().chain(expired).min()
    }

    pub(crate) fn is_active(&self, now: u64) -> bool {
        self.ended(now).is_none()
    }
}
