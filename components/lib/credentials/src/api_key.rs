//! API keys: `gf_`, 30 random characters of base62 (178 bits), and the CRC-32 of those as six characters
//! of base62. Prefix and checksum let secret scanners recognise a key, and spare the store a read for
//! other text. GitHub's tokens have the same form. Source:
//! <https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/>.

use sha2::{Digest, Sha256};

/// The prefix of every key.
pub const PREFIX: &str = "gf_";

const RANDOM_CHARACTERS: usize = 30;
const CHECKSUM_CHARACTERS: usize = 6;

/// Characters of a key that are shown in lists: the prefix and eight more, which leaves 131 random
/// bits secret.
const SHOWN_CHARACTERS: usize = PREFIX.len() + 8;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A new key.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The key. Given to its owner once and never stored.
    pub secret: String,
    /// The stored hash; see [`hash`].
    pub hash: String,
    /// The first characters, for lists.
    pub shown: String,
}

/// Generates a key.
///
/// # Errors
/// `journal::Error::Store` if the host has no randomness.
pub fn generate() -> Result<ApiKey, journal::Error> {
    let mut random = String::with_capacity(RANDOM_CHARACTERS);
    while random.len() < RANDOM_CHARACTERS {
        let mut bytes = [0; RANDOM_CHARACTERS];
        getrandom::fill(&mut bytes).map_err(|error| journal::Error::Store(error.to_string()))?;
        // Six bits each. Values beyond base62 are discarded, so that all characters are equally likely.
        let characters = bytes
            .iter()
            .filter_map(|byte| BASE62.get(usize::from(byte & 63)));
        let wanted = RANDOM_CHARACTERS - random.len();
        random.extend(characters.take(wanted).map(|byte| char::from(*byte)));
    }
    let secret = format!("{PREFIX}{random}{}", checksum(&random));
    Ok(ApiKey {
        hash: hash(&secret),
        shown: secret.chars().take(SHOWN_CHARACTERS).collect(),
        secret,
    })
}

/// Whether `credential` has the prefix of an API key.
pub fn is_claimed(credential: &str) -> bool {
    credential.starts_with(PREFIX)
}

/// The hash of `credential` if it has the form of a key and the right checksum.
pub fn parse(credential: &str) -> Option<String> {
    let body = credential.strip_prefix(PREFIX)?;
    let (random, check) = body.split_at_checked(RANDOM_CHARACTERS)?;
    let well_made = check.len() == CHECKSUM_CHARACTERS
        && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && check == checksum(random);
    well_made.then(|| hash(credential))
}

/// SHA-256 of a key, in hexadecimal. A key is random enough to need no slow hash.
pub fn hash(secret: &str) -> String {
    Sha256::digest(secret)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// CRC-32 in base62 with leading zeros.
fn checksum(random: &str) -> String {
    let mut rest = crc32fast::hash(random.as_bytes());
    let mut digits = ['0'; CHECKSUM_CHARACTERS];
    for digit in digits.iter_mut().rev() {
        let index = usize::try_from(rest % 62).unwrap_or_default();
        *digit = BASE62.get(index).copied().map_or('0', char::from);
        rest /= 62;
    }
    digits.iter().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn generate_gives_different_valid_keys() {
        let key = generate().unwrap();
        assert_eq!(key.secret.len(), 39);
        assert_eq!(key.shown.len(), 11);
        assert!(key.secret.starts_with(&key.shown));
        assert_eq!(parse(&key.secret), Some(key.hash.clone()));
        assert_eq!(key.hash.len(), 64);
        assert!(is_claimed(&key.secret));
        assert_ne!(generate().unwrap().secret, key.secret);
    }

    /// Secret scanners rely on the published format.
    #[test]
    fn parse_of_documented_key_succeeds() {
        let random = "0123456789ABCDEFGHIJKLMNOPQRST";
        assert_eq!(crc32fast::hash(random.as_bytes()), 0xF0C3_44AF);
        let key = format!("gf_{random}{}", checksum(random));
        assert_eq!(key, "gf_0123456789ABCDEFGHIJKLMNOPQRST4PMbyp");
        assert!(parse(&key).is_some());
    }

    #[test]
    fn generate_uses_every_character() {
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..200 {
            let key = generate().unwrap();
            seen.extend(
                key.secret
                    .bytes()
                    .skip(PREFIX.len())
                    .take(RANDOM_CHARACTERS),
            );
        }
        assert_eq!(seen.len(), 62);
    }

    #[test]
    fn parse_of_other_text_is_none() {
        let key = generate().unwrap().secret;
        for text in [
            "",
            "gf_",
            "gf",
            key.trim_start_matches('g'),
            key.get(..38).unwrap(),
            &format!("{key}0"),
            &key.replacen("gf_", "gF_", 1),
            &format!("gf_{}", "é".repeat(18)),
            &format!("gf_{}", "-".repeat(36)),
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn parse_of_changed_key_is_none(position in 3usize..39, character in "[0-9A-Za-z]") {
            let key = generate().unwrap().secret;
            let mut changed = key.clone();
            changed.replace_range(position..=position, &character);
            prop_assert_eq!(parse(&changed).is_some(), changed == key);
        }

        #[test]
        fn parse_of_any_text_does_not_panic(text in "(gf_)?.*") {
            let _ = parse(&text);
        }
    }
}
