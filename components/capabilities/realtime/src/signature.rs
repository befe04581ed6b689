//! Signatures: `Grip-Sig` (a JWT, HS256), and those of links.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use serde::Deserialize;
use sha2::Sha256;

#[derive(Deserialize)]
struct Head {
    alg: String,
}

#[derive(Deserialize)]
struct Claims {
    /// Seconds since the epoch.
    exp: f64,
}

fn mac(key: &str) -> Option<Hmac<Sha256>> {
    Hmac::new_from_slice(key.as_bytes()).ok()
}

/// Whether a JWT is signed with the key and has not expired at `now`, in seconds. Nothing is with an empty key.
pub(crate) fn is_valid(key: &str, token: &str, now: u64) -> bool {
    !key.is_empty() && verified(key, token, now).is_some()
}

fn verified(key: &str, token: &str, now: u64) -> Option<()> {
    let (signed, tag) = token.rsplit_once('.')?;
    let (head, claims) = signed.split_once('.')?;
    let mut mac = mac(key)?;
    mac.update(signed.as_bytes());
    mac.verify_slice(&URL_SAFE_NO_PAD.decode(tag).ok()?).ok()?;
    let head: Head = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(head).ok()?).ok()?;
    let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    #[allow(clippy::cast_precision_loss, reason = "seconds are far below 2^53")]
    let is_current = claims.exp > now as f64;
    (head.alg == "HS256" && is_current).then_some(())
}

/// A signature of a text that is not a JWT: 64 hexadecimal digits. None without a key.
pub(crate) fn sign(key: &str, text: &str) -> Option<String> {
    if key.is_empty() {
        return None;
    }
    let mut mac = mac(key)?;
    // No JWT begins like this.
    mac.update(b"link:");
    mac.update(text.as_bytes());
    let tag = mac.finalize().into_bytes();
    Some(tag.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(key: &str, head: &str, claims: &str) -> String {
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(head),
            URL_SAFE_NO_PAD.encode(claims)
        );
        let mut mac = mac(key).unwrap();
        mac.update(signed.as_bytes());
        let tag = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
        format!("{signed}.{tag}")
    }

    const HEAD: &str = r#"{"typ":"JWT","alg":"HS256"}"#;

    #[test]
    fn is_valid_for_a_signed_token_until_it_expires() {
        let good = token("key", HEAD, r#"{"exp":1000,"iss":"pushpin"}"#);
        assert!(is_valid("key", &good, 999));
        assert!(!is_valid("key", &good, 1000));
        assert!(!is_valid("other", &good, 999));
        assert!(!is_valid("", &token("", HEAD, r#"{"exp":1000}"#), 999));
    }

    #[test]
    fn is_valid_of_damaged_tokens_is_false() {
        let good = token("key", HEAD, r#"{"exp":1000}"#);
        for bad in [
            String::new(),
            "a.b.c".to_owned(),
            good.replace('.', ""),
            format!("{good}A"),
            token("key", r#"{"alg":"none"}"#, r#"{"exp":1000}"#),
            token("key", HEAD, "{}"),
            token("key", "x", r#"{"exp":1000}"#),
        ] {
            assert!(!is_valid("key", &bad, 999), "{bad}");
        }
    }

    #[test]
    fn sign_depends_on_key_and_text() {
        let signature = sign("key", "a").unwrap();
        assert_eq!(signature.len(), 64);
        assert_eq!(sign("key", "a").as_ref(), Some(&signature));
        assert_ne!(sign("key", "b").as_ref(), Some(&signature));
        assert_ne!(sign("other", "a").as_ref(), Some(&signature));
        assert_eq!(sign("", "a"), None);
    }
}
