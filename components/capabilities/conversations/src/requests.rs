//! Requests that their clients have named (`Idempotency-Key`), so that one that comes again gets
//! the reply it has already. Pure: which one came first is decided by the order of the entries.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::entries::Request;
use crate::error::Error;

/// How long a request is known (milliseconds).
pub(crate) const KNOWN_FOR: u64 = 24 * 60 * 60 * 1_000;

/// How many of a user's requests are known, the newest ones: they are part of the snapshot.
pub(crate) const KNOWN_MOST: usize = 128;

/// Longest name that a client may give.
pub(crate) const KEY_BYTES_MAX: usize = 255;

/// Bytes of a hash that are kept: enough that no two requests of a user meet by chance.
const HASH_BYTES: usize = 16;

/// A request that has a reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownRequest {
    #[serde(flatten)]
    pub(crate) request: Request,
    pub(crate) conversation: String,
    /// The id of its reply, or of the one that took that one's place.
    pub(crate) reply: String,
    pub(crate) time: u64,
}

/// The requests known of a user, in the order in which they came.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Requests(Vec<KnownRequest>);

impl Request {
    /// Of a client's key and what it asks.
    pub(crate) fn new(key: &str, asks: &str) -> Result<Self, Error> {
        if !(1..=KEY_BYTES_MAX).contains(&key.len()) {
            return Err(Error::Invalid("key: 1 to 255 bytes".to_owned()));
        }
        Ok(Self {
            key: hash(key),
            asks: hash(asks),
        })
    }
}

/// Of a name that a client has given.
pub(crate) fn hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let mut hex = String::with_capacity(HASH_BYTES * 2);
    for byte in digest.iter().take(HASH_BYTES) {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

impl Requests {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The request of the same key at the time `now`.
    pub(crate) fn find(&self, request: &Request, now: u64) -> Option<&KnownRequest> {
        let mut known = self.0.iter();
        known.find(|known| known.request.key == request.key && !known.is_expired(now))
    }

    /// Takes in a request with the id of the reply that it wants; false if the key belongs to
    /// another reply. The same entry may come twice.
    pub(crate) fn admit(
        &mut self,
        request: &Request,
        conversation: &str,
        reply: &str,
        time: u64,
    ) -> bool {
        self.0.retain(|known| !known.is_expired(time));
        if let Some(known) = self.find(request, time) {
            return known.reply == reply;
        }
        let surplus = self.0.len().saturating_sub(KNOWN_MOST - 1);
        self.0.drain(..surplus);
        self.0.push(KnownRequest {
            request: request.clone(),
            conversation: conversation.to_owned(),
            reply: reply.to_owned(),
            time,
        });
        true
    }

    /// Notes that another reply has taken a reply's place.
    pub(crate) fn replace(&mut self, dropped: &str, reply: &str) {
        let concerned = self.0.iter_mut().filter(|known| known.reply == dropped);
        concerned.for_each(|known| reply.clone_into(&mut known.reply));
    }

    /// Forgets the request that wanted a reply.
    pub(crate) fn withdraw(&mut self, reply: &str) {
        self.0.retain(|known| known.reply != reply);
    }

    /// Forgets what was asked in a conversation.
    pub(crate) fn forget(&mut self, conversation: &str) {
        self.0.retain(|known| known.conversation != conversation);
    }
}

impl KnownRequest {
    fn is_expired(&self, now: u64) -> bool {
        self.time.saturating_add(KNOWN_FOR) <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(key: &str) -> Request {
        Request::new(key, "asks").unwrap()
    }

    #[test]
    fn the_first_of_a_key_stays() {
        let mut requests = Requests::default();
        assert!(requests.admit(&request("a"), "c", "r1", 1));
        assert!(requests.admit(&request("a"), "c", "r1", 1), "moved");
        assert!(!requests.admit(&request("a"), "c", "r2", 2));
        assert!(requests.admit(&request("b"), "c", "r2", 2));
        requests.replace("r1", "r3");
        assert_eq!(requests.find(&request("a"), 2).unwrap().reply, "r3");
        requests.forget("c");
        assert!(requests.is_empty());
    }

    #[test]
    fn they_are_forgotten_in_time_and_number() {
        let mut requests = Requests::default();
        assert!(requests.admit(&request("a"), "c", "r1", 1));
        assert!(requests.find(&request("a"), KNOWN_FOR).is_some());
        assert!(requests.find(&request("a"), KNOWN_FOR + 1).is_none());
        assert!(requests.admit(&request("a"), "c", "r2", KNOWN_FOR + 1));
        for number in 0..KNOWN_MOST {
            let key = format!("k{number}");
            assert!(requests.admit(&request(&key), "c", &key, KNOWN_FOR + 1));
        }
        assert_eq!(requests.0.len(), KNOWN_MOST);
        assert!(requests.find(&request("a"), KNOWN_FOR + 1).is_none());
    }

    #[test]
    fn keys_are_bounded() {
        assert!(Request::new("", "x").is_err());
        assert!(Request::new(&"k".repeat(255), "x").is_ok());
        assert!(Request::new(&"k".repeat(256), "x").is_err());
        assert_ne!(request("a").key, request("b").key);
    }
}
