//! Public keys of identity providers: parsing a key set (RFC 7517), and deciding when to fetch it again.

use std::collections::HashMap;

use jsonwebtoken::DecodingKey;
use serde::{Deserialize, Serialize};

/// Maximum size of a key set, in bytes. WorkOS' and Clerk's have less than 2 KiB.
pub(crate) const MAX_BYTES: usize = 64 * 1024;

/// Age at which keys are fetched again, in milliseconds.
const MAX_AGE_MS: u64 = 5 * 60 * 1000;

/// Age up to which keys are used if they cannot be fetched again, in milliseconds. Sign-in survives an
/// outage of the provider, and a withdrawn key is not trusted for ever.
const MAX_STALE_MS: u64 = 24 * 60 * 60 * 1000;

/// Minimum time between two fetches, in milliseconds, so that tokens with invented key ids do not cause
/// a fetch each.
const MIN_INTERVAL_MS: u64 = 30 * 1000;

/// The same interval, as long as there are no keys at all.
const MIN_INTERVAL_EMPTY_MS: u64 = 2 * 1000;

/// Minimum modulus of a key, in bytes: 2048 bits (RFC 7518, section 3.3).
const MIN_MODULUS_BYTES: usize = 256;

/// The RS256 keys of a key set, by key id.
pub(crate) type KeySet = HashMap<String, DecodingKey>;

/// Parses a key set. Keys of other types and uses are ignored (RFC 7517, section 5). `None` if it is not
/// a key set.
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

/// A key set as one instance fetched it, for the other instances, which are many and short-lived.
#[derive(Serialize, Deserialize)]
pub(crate) struct SharedCopy {
    /// When it was fetched, in milliseconds since the epoch.
    at: u64,
    json: String,
}

impl SharedCopy {
    /// A copy of a key set that was fetched at `at`. `None` if it is not a key set.
    pub(crate) fn new(json: Vec<u8>, at: u64) -> Option<Self> {
        let json = String::from_utf8(json).ok()?;
        parse(json.as_bytes())?;
        Some(Self { at, json })
    }

    /// The keys, and when they were fetched. `None` if they are too old, or from a clock that is ahead.
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
    /// Whether it is too early to fetch again for the key `key_id`.
    pub(crate) fn suffices(&self, key_id: &str, now: u64) -> bool {
        let age = now.saturating_sub(self.at);
        age < MIN_INTERVAL_MS || (age < MAX_AGE_MS && self.keys.contains_key(key_id))
    }
}

/// What to do for a token that names a key.
#[derive(Debug)]
pub(crate) enum Lookup {
    /// Verify the token with this key.
    Key(DecodingKey),
    /// Fetch the key set, call `settle`, and look up again. No other caller gets this result until
    /// then.
    Fetch,
    /// Another caller is fetching. Wait and look up again.
    Wait,
    /// There is no such key.
    Unknown,
    /// There may be such a key, but the key set cannot be fetched.
    Unreachable,
}

/// The key set as last fetched, and the state of fetching. Times are in milliseconds since the epoch.
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
    pub(crate) fn lookup(&mut self, key_id: &str, now: u64) -> Lookup {
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
        let has_keys = keys.is_some();
        if wanted && may_fetch {
            self.fetching = true;
            return Lookup::Fetch;
        }
        match key {
            Some(key) => Lookup::Key(key),
            None if self.fetching => Lookup::Wait,
            None if has_keys && !self.last_failed => Lookup::Unknown,
            None => Lookup::Unreachable,
        }
    }

    /// Ends the fetch that `lookup` requested. `reached` says whether the provider was reached; if
    /// not, it may have unknown keys. The minimum time to the next fetch begins now, so that a slow
    /// fetch is not repeated at once.
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
