//! Where things are in the store.

use journal::Error;

/// Longest user id: longer ones would not leave room for the rest of a key (255 bytes).
const MAX_USER_BYTES: usize = 128;
/// Hexadecimal digits of a SHA-256.
const FINGERPRINT_DIGITS: usize = 64;
/// Places in a user's table.
pub(crate) const PLACES: u64 = 64;
/// Places in the table for all.
const SHARED_PLACES: u64 = 4096;

/// A user whose id can be part of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User(String);

impl User {
    /// None if that is not a user id.
    pub(crate) fn new(id: String) -> Option<Self> {
        let fits = (1..=MAX_USER_BYTES).contains(&id.len());
        let clean = id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
        (fits && clean).then_some(Self(id))
    }

    pub(crate) fn id(&self) -> &str {
        &self.0
    }

    /// Of the name of the period.
    pub(crate) fn period_key(&self) -> String {
        format!("response-cache:u:{}", self.0)
    }

    /// Of the answer to such a question.
    pub(crate) fn answer_key(&self, fingerprint: &Fingerprint) -> String {
        self.place_key(fingerprint.number % PLACES)
    }

    /// Of all answers.
    pub(crate) fn answer_keys(&self) -> impl Iterator<Item = String> {
        (0..PLACES).map(|place| self.place_key(place))
    }

    fn place_key(&self, place: u64) -> String {
        format!("response-cache:u:{}:{place}", self.0)
    }
}

/// What tells questions apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    text: String,
    /// Its first digits, which are as good as random.
    number: u64,
}

impl Fingerprint {
    /// None if that is not a SHA-256 in hexadecimal digits.
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

    /// Of the id of the user with whom the answer lies.
    pub(crate) fn shared_key(&self) -> String {
        format!("response-cache:s:{}", self.number % SHARED_PLACES)
    }
}

/// The caller made a mistake; its words are for the log.
pub(crate) fn malformed(what: &str) -> Error {
    Error::Store(format!("not a {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_fingerprints_are_what_they_should_be() {
        assert!(User::new("guest_1.a-b".into()).is_some());
        for odd in ["", "a:b", "a/b", "é", &"x".repeat(129)] {
            assert_eq!(User::new(odd.to_owned()), None, "{odd}");
        }
        let digits = "0123456789abcdef".repeat(4);
        let fingerprint = Fingerprint::new(digits.clone()).unwrap();
        assert_eq!(fingerprint.text(), digits);
        assert_eq!(
            User::new("u".into()).unwrap().answer_key(&fingerprint),
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
