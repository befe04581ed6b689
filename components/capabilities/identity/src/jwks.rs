//! Outside providers' public keys: reading a key set (RFC 7517), and deciding when to fetch it
//! again.

use std::collections::HashMap;

use jsonwebtoken::DecodingKey;
use serde::{Deserialize, Serialize};

/// Largest key set that is read, in bytes. WorkOS' and Clerk's are under 2 KiB.
pub(crate) const MAX_BYTES: usize = 64 * 1024;

/// Keys older than this are fetched again, in milliseconds.
const MAX_AGE_MS: u64 = 5 * 60 * 1000;

/// Keys that could not be fetched again serve until they are this old, in milliseconds: sign-in
/// survives an outage of the provider, and a key that it withdrew is not believed for ever.
const MAX_STALE_MS: u64 = 24 * 60 * 60 * 1000;

/// Shortest time between two fetches, in milliseconds: tokens with made-up key ids cannot make us
/// ask the provider once for each.
const MIN_INTERVAL_MS: u64 = 30 * 1000;

/// The same while there are no keys at all, and so nobody can come in.
const MIN_INTERVAL_EMPTY_MS: u64 = 2 * 1000;

/// Smallest modulus of a key that is believed, in bytes: 2048 bits (RFC 7518, section 3.3).
const MIN_MODULUS_BYTES: usize = 256;

/// The RS256 keys of a key set, by key id.
pub(crate) type KeySet = HashMap<String, DecodingKey>;

/// Reads a key set. Keys of other types and uses are passed over, as RFC 7517, section 5 wants.
/// `None` if it is no key set.
pub(crate) fn parse(json: &[u8]) -> Option<KeySet> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<serde_json::Value>,
    }
    #[derive(Deserialize)]
    struct Key {
        kty: String,
        kid: String,
        n: String,
        e: String,
        alg: Option<String>,
        #[serde(rename = "use")]
        usage: Option<String>,
    }
    let set: Set = serde_json::from_slice(json).ok()?;
    let keys = set.keys.into_iter().filter_map(|value| {
        let key: Key = serde_json::from_value(value).ok()?;
        let signs = key.kty == "RSA"
            && key.alg.is_none_or(|alg| alg == "RS256")
            && key.usage.is_none_or(|usage| usage == "sig");
        // Base64 without padding: four characters for three bytes.
        let strong = key.n.len() >= MIN_MODULUS_BYTES.div_ceil(3) * 4 - 2;
        if !(signs && strong) {
            return None;
        }
        let decoding = DecodingKey::from_rsa_components(&key.n, &key.e).ok()?;
        Some((key.kid, decoding))
    });
    Some(keys.collect())
}

/// A key set as one instance fetched it, for the others: instances are many and short-lived, and
/// each would ask the provider again.
#[derive(Serialize, Deserialize)]
pub(crate) struct SharedCopy {
    /// When it was fetched, in milliseconds since the epoch.
    at: u64,
    json: String,
}

impl SharedCopy {
    /// A copy of what was fetched at `at`; `None` if it is no key set.
    pub(crate) fn new(json: Vec<u8>, at: u64) -> Option<Self> {
        let json = String::from_utf8(json).ok()?;
        parse(json.as_bytes())?;
        Some(Self { at, json })
    }

    /// The keys, and when they were fetched; `None` if it is too old to be believed, or from a
    /// clock that is ahead of ours.
    pub(crate) fn read(&self, now: u64) -> Option<Fetched> {
        let believable = self.at <= now.saturating_add(MIN_INTERVAL_MS)
            && now.saturating_sub(self.at) < MAX_STALE_MS;
        let keys = believable.then(|| parse(self.json.as_bytes())).flatten()?;
        Some(Fetched { keys, at: self.at })
    }
}

/// Keys, and when they were fetched in milliseconds since the epoch.
pub(crate) struct Fetched {
    pub(crate) keys: KeySet,
    pub(crate) at: u64,
}

impl Fetched {
    /// Whether fetching again for the key `key_id` would be too early.
    pub(crate) fn suffices(&self, key_id: &str, now: u64) -> bool {
        let age = now.saturating_sub(self.at);
        age < MIN_INTERVAL_MS || (age < MAX_AGE_MS && self.keys.contains_key(key_id))
    }
}

/// What to do for a token that names a key.
#[derive(Debug)]
pub(crate) enum Lookup {
    /// Check it with this key.
    Key(DecodingKey),
    /// Fetch the key set, `settle`, and look up again. The fetch is the caller's from here on:
    /// nobody else is told to fetch until it has settled.
    Fetch,
    /// Somebody else is fetching: wait a little and look up again.
    Wait,
    /// There is no such key.
    Unknown,
    /// There may be such a key, but the key set is out of reach.
    Unreachable,
}

/// The key set as last fetched, and what is known about fetching it. Times are milliseconds since
/// the epoch.
pub(crate) struct Cache {
    keys: Option<KeySet>,
    fetched_at: u64,
    /// When the last fetch ended.
    attempted_at: Option<u64>,
    fetching: bool,
    last_failed: bool,
}

impl Cache {
    pub(crate) const fn new() -> Self {
        Self {
            keys: None,
            fetched_at: 0,
            attempted_at: None,
            fetching: false,
            last_failed: false,
        }
    }

    /// What to do for a token that names the key `key_id`.
    pub(crate) fn look_up(&mut self, key_id: &str, now: u64) -> Lookup {
        let age = now.saturating_sub(self.fetched_at);
        let keys = self.keys.as_ref().filter(|_| age < MAX_STALE_MS);
        let key = keys.and_then(|keys| keys.get(key_id)).cloned();
        let interval = match keys {
            Some(_) => MIN_INTERVAL_MS,
            None => MIN_INTERVAL_EMPTY_MS,
        };
        let may_fetch = !self.fetching
            && self
                .attempted_at
                .is_none_or(|at| now.saturating_sub(at) >= interval);
        let wanted = key.is_none() || age >= MAX_AGE_MS;
        let known = keys.is_some();
        if wanted && may_fetch {
            self.fetching = true;
            return Lookup::Fetch;
        }
        match key {
            Some(key) => Lookup::Key(key),
            None if self.fetching => Lookup::Wait,
            None if known && !self.last_failed => Lookup::Unknown,
            None => Lookup::Unreachable,
        }
    }

    /// Ends the fetch that `look_up` asked for, with what it brought. `reached` says whether that
    /// is what the provider says now; if not, there may be keys that we do not know. The next fetch is
    /// allowed some time after this, so that one which took long is not repeated at once.
    pub(crate) fn settle(&mut self, fetched: Option<Fetched>, reached: bool, now: u64) {
        self.fetching = false;
        self.attempted_at = Some(now);
        self.last_failed = !reached;
        if let Some(Fetched { keys, at }) = fetched {
            self.keys = Some(keys);
            self.fetched_at = at;
        }
    }
}

#[cfg(test)]
#[path = "jwks_tests.rs"]
mod tests;
