//! Iron seals, in the format of the npm package `iron-webcrypto` with its defaults:
//!
//! `Fe26.2*<password id>*<salt>*<iv>*<ciphertext>*<expiry>*<mac salt>*<mac>`
//!
//! The iv, ciphertext and mac are base64url, the salts are used as the text they are, and the
//! expiry is empty or milliseconds since the epoch. The ciphertext is AES-256-CBC, the mac is
//! HMAC-SHA256 of everything before it, and the key of each is PBKDF2-HMAC-SHA1 of the password,
//! with one iteration. Source: <https://github.com/brc-dd/iron-webcrypto>.

use aes::Aes256;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockDecryptMut, BlockEncryptMut, KeyIvInit};
use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::Sha256;

/// Minimum length of a password, in characters.
pub(crate) const MIN_PASSWORD_CHARS: usize = 32;

/// Accepted clock difference, in milliseconds: iron's default.
const SKEW_MS: u64 = 60_000;

/// The only password id that WorkOS' Node SDK uses.
const PASSWORD_ID: &str = "1";

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Bytes of a salt, and of an initialisation vector.
const SALT_BYTES: usize = 32;
const IV_BYTES: usize = 16;

/// Why a seal cannot be opened.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SealError {
    /// Not a seal, changed, or sealed with another password.
    Invalid,
    /// Genuine, but expired.
    Expired,
}

/// The sealed content. `now` is in milliseconds since the epoch.
///
/// # Errors
/// See `SealError`. The mac is verified before anything is decrypted.
pub(crate) fn unseal(sealed: &str, password: &str, now: u64) -> Result<Vec<u8>, SealError> {
    let (signed, mac_salt, mac) = split_mac(sealed).ok_or(SealError::Invalid)?;
    Hmac::<Sha256>::new_from_slice(&derive_key(password, mac_salt))
        .map_err(|_| SealError::Invalid)?
        .chain_update(signed)
        .verify_slice(&decode(mac)?)
        .map_err(|_| SealError::Invalid)?;

    let fields: Vec<&str> = signed.split('*').collect();
    let ["Fe26.2", PASSWORD_ID, salt, iv, ciphertext, expiry] = fields.as_slice() else {
        return Err(SealError::Invalid);
    };
    if !expiry.is_empty() {
        let expiry: u64 = expiry.parse().map_err(|_| SealError::Invalid)?;
        if expiry.saturating_add(SKEW_MS) <= now {
            return Err(SealError::Expired);
        }
    }
    cbc::Decryptor::<Aes256>::new_from_slices(&derive_key(password, salt), &decode(iv)?)
        .map_err(|_| SealError::Invalid)?
        .decrypt_padded_vec_mut::<Pkcs7>(&decode(ciphertext)?)
        .map_err(|_| SealError::Invalid)
}

/// Seals `content` without an expiry. `None` if the host has no randomness.
pub(crate) fn seal(content: &[u8], password: &str) -> Option<String> {
    let salt = random_salt()?;
    let mut iv = [0; IV_BYTES];
    getrandom::fill(&mut iv).ok()?;
    let ciphertext = cbc::Encryptor::<Aes256>::new_from_slices(&derive_key(password, &salt), &iv)
        .ok()?
        .encrypt_padded_vec_mut::<Pkcs7>(content);
    let signed = format!(
        "Fe26.2*{PASSWORD_ID}*{salt}*{}*{}*",
        BASE64.encode(iv),
        BASE64.encode(ciphertext)
    );
    let mac_salt = random_salt()?;
    let mac = Hmac::<Sha256>::new_from_slice(&derive_key(password, &mac_salt))
        .ok()?
        .chain_update(&signed)
        .finalize()
        .into_bytes();
    Some(format!("{signed}*{mac_salt}*{}", BASE64.encode(mac)))
}

fn random_salt() -> Option<String> {
    let mut bytes = [0; SALT_BYTES];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The signed part, the mac's salt, and the mac.
fn split_mac(sealed: &str) -> Option<(&str, &str, &str)> {
    let (rest, mac) = sealed.rsplit_once('*')?;
    let (signed, mac_salt) = rest.rsplit_once('*')?;
    Some((signed, mac_salt, mac))
}

fn derive_key(password: &str, salt: &str) -> [u8; 32] {
    pbkdf2::pbkdf2_hmac_array::<Sha1, 32>(password.as_bytes(), salt.as_bytes(), 1)
}

fn decode(text: &str) -> Result<Vec<u8>, SealError> {
    BASE64.decode(text).map_err(|_| SealError::Invalid)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PASSWORD: &str = "a-password-of-32-characters-or-more";

    proptest! {
        #[test]
        fn unseal_of_seal_returns_content(content in prop::collection::vec(any::<u8>(), 0..200)) {
            let sealed = seal(&content, PASSWORD).unwrap();
            prop_assert_eq!(unseal(&sealed, PASSWORD, u64::MAX), Ok(content));
            prop_assert_eq!(unseal(&sealed, "another", 0), Err(SealError::Invalid));
        }

        #[test]
        fn unseal_of_any_text_does_not_panic(text in ".*") {
            prop_assert!(unseal(&text, PASSWORD, 0).is_err());
        }
    }

    #[test]
    fn seal_of_equal_content_differs() {
        assert_ne!(seal(b"x", PASSWORD), seal(b"x", PASSWORD));
    }
}
