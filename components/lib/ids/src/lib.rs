//! Ids: generating them, parsing those of clients, and checking what may become part of a storage
//! key.
//!
//! May not import anything of this workspace.
//!
//! | item | |
//! |---|---|
//! | [`new_uuid`], [`new_uuid_at`], [`parse_uuid`] | UUIDs in their canonical text form |
//! | [`Prefix`] | ids such as `user_<uuid>` |
//! | [`KeyPart`] | text that may be part of a storage key |
//! | [`sha256_hex`] | a hash as text, for keys that must not reveal what they are made of |

use std::fmt;

use sha2::{Digest, Sha256};
use uuid::{NoContext, Timestamp, Uuid};

/// The longest [`KeyPart`], in bytes. Stores take keys of at most 255 bytes, and a key has a prefix
/// and a suffix in addition.
pub const KEY_PART_BYTES_MAX: usize = 128;

/// A random UUID (version 4), hyphenated and in lower case.
pub fn new_uuid() -> String {
    Uuid::new_v4().to_string()
}

/// A UUID that contains a time (version 7), in milliseconds since the epoch. Such ids sort by time.
pub fn new_uuid_at(time: u64) -> String {
    let nanoseconds = u32::try_from(time % 1000)
        .unwrap_or_default()
        .saturating_mul(1_000_000);
    let timestamp = Timestamp::from_unix(NoContext, time / 1000, nanoseconds);
    Uuid::new_v7(timestamp).to_string()
}

/// The time in a UUID of version 7, in milliseconds since the epoch. None for other text.
pub fn time_of_uuid(id: &str) -> Option<u64> {
    let (seconds, nanoseconds) = Uuid::try_parse(id).ok()?.get_timestamp()?.to_unix();
    let milliseconds = u64::from(nanoseconds / 1_000_000);
    seconds.checked_mul(1000)?.checked_add(milliseconds)
}

/// A client's UUID in the canonical form: hyphenated and in lower case. Accepts every text form of
/// RFC 9562 that the `uuid` crate does. None for other text.
pub fn parse_uuid(text: &str) -> Option<String> {
    Uuid::try_parse(text).ok().map(|id| id.to_string())
}

/// The prefix of a kind of id, such as `user_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix(&'static str);

impl Prefix {
    /// A prefix, its separator included. It must be made of characters that a [`KeyPart`] may have.
    pub const fn new(text: &'static str) -> Self {
        Self(text)
    }

    /// The prefix as text.
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// A new id: the prefix and a random UUID.
    pub fn new_id(self) -> String {
        self.join(&new_uuid())
    }

    /// The id that consists of the prefix and `rest`.
    pub fn join(self, rest: &str) -> String {
        format!("{}{rest}", self.0)
    }

    /// The UUID in an id of this kind, as the id has it. None if it is not the prefix and a UUID in
    /// canonical form.
    pub fn uuid_of(self, id: &str) -> Option<&str> {
        let rest = id.strip_prefix(self.0)?;
        parse_uuid(rest)
            .is_some_and(|canonical| canonical == rest)
            .then_some(rest)
    }

    /// Whether `id` begins with the prefix, whatever follows.
    pub fn begins(self, id: &str) -> bool {
        id.starts_with(self.0)
    }
}

/// Text that may be part of a storage key: 1 to 128 characters of `[A-Za-z0-9_.-]`. It contains no
/// `:`, which separates the parts of a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyPart(String);

impl KeyPart {
    /// The text as a key part. None if it cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        is_key_part(text).then(|| Self(text.to_owned()))
    }

    /// The text as a key part, or if it cannot be one, a hash of it. For subjects of any form, such
    /// as addresses.
    pub fn parse_or_hash(text: &str) -> Self {
        Self::parse(text).unwrap_or_else(|| Self(format!("hash_{}", sha256_hex(&[text]))))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for KeyPart {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Whether the text may be part of a storage key; see [`KeyPart`].
pub fn is_key_part(text: &str) -> bool {
    (1..=KEY_PART_BYTES_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

/// SHA-256 of the parts, joined by `:`, as 64 hexadecimal digits in lower case. All parts but the
/// last must contain no `:`, or different parts may have the same hash.
pub fn sha256_hex(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            hash.update(":");
        }
        hash.update(part);
    }
    hash.finalize()
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const USER: Prefix = Prefix::new("user_");

    #[test]
    fn parse_uuid_of_any_text_form_gives_the_canonical_form() {
        let canonical = "550e8400-e29b-41d4-a716-446655440000";
        for text in [
            canonical,
            "550E8400-E29B-41D4-A716-446655440000",
            "550e8400e29b41d4a716446655440000",
            "urn:uuid:550e8400-e29b-41d4-a716-446655440000",
        ] {
            assert_eq!(parse_uuid(text).as_deref(), Some(canonical), "{text}");
        }
        for text in ["", "550e8400", "550e8400-e29b-41d4-a716-44665544000g"] {
            assert_eq!(parse_uuid(text), None, "{text}");
        }
    }

    #[test]
    fn new_uuids_are_canonical_and_different() {
        let (one, other) = (new_uuid(), new_uuid());
        assert_ne!(one, other);
        assert_eq!(parse_uuid(&one), Some(one.clone()));
        assert_eq!(time_of_uuid(&one), None);
    }

    #[test]
    fn new_uuid_at_a_time_contains_it() {
        let time = 1_800_000_000_123;
        assert_eq!(time_of_uuid(&new_uuid_at(time)), Some(time));
        assert!(new_uuid_at(time) < new_uuid_at(time + 1));
    }

    #[test]
    fn uuid_of_an_id_of_another_kind_is_none() {
        let id = USER.new_id();
        assert_eq!(
            USER.uuid_of(&id).map(str::to_owned),
            parse_uuid(id.strip_prefix("user_").unwrap())
        );
        for other in [
            "user_",
            "user_ada",
            "user_550E8400-E29B-41D4-A716-446655440000",
            "guest_550e8400-e29b-41d4-a716-446655440000",
        ] {
            assert_eq!(USER.uuid_of(other), None, "{other}");
        }
        assert!(USER.begins("user_ada"));
    }

    #[test]
    fn key_part_of_text_with_other_characters_is_none() {
        for text in ["a", "guest_1.a-b", &"x".repeat(128)] {
            assert_eq!(KeyPart::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "a:b", "a/b", "a b", "é", &"x".repeat(129)] {
            assert_eq!(KeyPart::parse(text), None, "{text}");
        }
    }

    #[test]
    fn sha256_hex_joins_the_parts() {
        // `printf a:b | sha256sum`
        let expected = "6783a31eabf68ccc0660f935c0826282bdd2241f3a80a9f2d10d59aea9ebb5d8";
        assert_eq!(sha256_hex(&["a", "b"]), expected);
        assert_eq!(sha256_hex(&["a", "b"]), sha256_hex(&["a:b"]));
        assert_eq!(
            sha256_hex(&[""]),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    proptest! {
        #[test]
        fn key_part_or_hash_of_any_text_is_a_key_part(text in ".*") {
            let part = KeyPart::parse_or_hash(&text);
            prop_assert!(is_key_part(part.as_str()));
        }
    }
}
