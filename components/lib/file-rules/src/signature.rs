//! Signatures of URLs that give access to one file until they expire: HMAC-SHA256.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

/// Separates these signatures from other uses of the same key.
const LABEL: &str = "goldfish file URL v1";

/// The signature of an access to `file` until `expires_at` (seconds since the epoch), as 64 hexadecimal
/// digits. `file` must not contain a line break.
pub fn sign(key: &[u8], file: &str, expires_at: u64) -> String {
    let digest = authenticator(key, file, expires_at).finalize().into_bytes();
    digest
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

/// Whether the signature is that of [`sign`], compared in constant time, and has not expired at `now`
/// (seconds since the epoch).
pub fn is_valid(key: &[u8], file: &str, expires_at: u64, signature: &str, now: u64) -> bool {
    if now >= expires_at {
        return false;
    }
    let Some(bytes) = from_hex(signature) else {
        return false;
    };
    authenticator(key, file, expires_at)
        .verify_slice(&bytes)
        .is_ok()
}

fn authenticator(key: &[u8], file: &str, expires_at: u64) -> Hmac<Sha256> {
    // HMAC takes keys of any length, so this default is never used.
    Hmac::<Sha256>::new_from_slice(key)
        .unwrap_or_else(|_| Hmac::<Sha256>::new(&Default::default()))
        .chain_update(format!("{LABEL}\n{file}\n{expires_at}"))
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(16)).collect();
    digits?
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(high * 16 + low).ok(),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_valid_only_for_the_same_file_and_time_and_before_it_expires() {
        let signature = sign(b"key", "one", 100);
        assert_eq!(signature.len(), 64);
        assert!(is_valid(b"key", "one", 100, &signature, 99));
        assert!(!is_valid(b"key", "one", 100, &signature, 100));
        assert!(!is_valid(b"other", "one", 100, &signature, 1));
        assert!(!is_valid(b"key", "two", 100, &signature, 1));
        assert!(!is_valid(b"key", "one", 101, &signature, 1));
        let short = signature.get(..62).unwrap_or_default();
        for wrong in ["", "0", "zz", short, &format!("{signature}00")] {
            assert!(!is_valid(b"key", "one", 100, wrong, 1), "{wrong}");
        }
    }
}
