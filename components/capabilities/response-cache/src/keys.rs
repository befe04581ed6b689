//! The keys in the store.

use ids::KeyPart;
use journal::Error;

/// Hexadecimal digits of a SHA-256.
const FINGERPRINT_DIGITS: usize = 64;
/// Slots of a user's cache.
pub(crate) const SLOTS: u64 = 64;
/// Slots of the common table.
const SHARED_SLOTS: u64 = 4096;

/// The user of a cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User(KeyPart);

impl User {
    /// None if that cannot be a user id.
    pub(crate) fn new(id: &str) -> Option<Self> {
        KeyPart::parse(id).map(Self)
    }

    pub(crate) fn id(&self) -> &str {
        self.0.as_str()
    }

    /// The key of the generation's name.
    pub(crate) fn generation_key(&self) -> String {
        format!("response-cache:u:{}", self.0)
    }

    /// The key of the response to a request.
    pub(crate) fn response_key(&self, fingerprint: &Fingerprint) -> String {
        self.slot_key(fingerprint.number % SLOTS)
    }

    /// The keys of all responses.
    pub(crate) fn response_keys(&self) -> Vec<String> {
        (0..SLOTS).map(|slot| self.slot_key(slot)).collect()
    }

    fn slot_key(&self, slot: u64) -> String {
        format!("response-cache:u:{}:{slot}", self.0)
    }
}

/// The hash of everything that a response depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    text: String,
    /// Its first digits as a number, for choosing a slot.
    number: u64,
}

impl Fingerprint {
    /// None if that is not a SHA-256 in hexadecimal digits of lower case.
    pub(crate) fn new(text: String) -> Option<Self> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != FINGERPRINT_DIGITS || !text.bytes().all(is_digit) {
            return None;
        }
        let number = u64::from_str_radix(text.get(..16)?, 16).ok()?;
        Some(Self { text, number })
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The key of the id of the user whose cache has the response.
    pub(crate) fn shared_key(&self) -> String {
        format!("response-cache:s:{}", self.number % SHARED_SLOTS)
    }
}

/// The error for an argument that a correct caller does not give.
pub(crate) fn invalid(what: &str) -> Error {
    Error::Store(format!("invalid {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_of_malformed_ids_and_fingerprints_is_none() {
        assert!(User::new("guest_1.a-b").is_some());
        for odd in ["", "a:b", "a/b", "é", &"x".repeat(129)] {
            assert_eq!(User::new(odd), None, "{odd}");
        }
        let digits = "0123456789abcdef".repeat(4);
        let fingerprint = Fingerprint::new(digits.clone()).unwrap();
        assert_eq!(fingerprint.text(), digits);
        assert_eq!(
            User::new("u").unwrap().response_key(&fingerprint),
            format!("response-cache:u:u:{}", 0xef % 64)
        );
        assert_eq!(
            fingerprint.shared_key(),
            format!("response-cache:s:{}", 0xdef)
        );
        for odd in [
            "",
            "00",
            &digits.to_uppercase(),
            &"g".repeat(64),
            &"é".repeat(32),
        ] {
            assert_eq!(Fingerprint::new(odd.to_owned()), None, "{odd}");
        }
    }
}
