use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rsa::pkcs1v15;
use rsa::rand_core::{OsRng, RngCore};
use rsa::sha2::Sha256;
use rsa::signature::{SignatureEncoding, Signer};
use rsa::traits::PublicKeyParts;
use rsa::{RsaPrivateKey, RsaPublicKey};
use serde_json::{Map, Value, json};

/// The size providers use.
const BITS: usize = 2048;

/// An RSA key that signs tokens with RS256, made for the run and thrown away.
#[derive(Clone)]
pub struct SigningKey {
    id: String,
    key: RsaPrivateKey,
}

impl SigningKey {
    /// A new key; making one takes a noticeable part of a second.
    ///
    /// # Panics
    /// When the machine has no randomness.
    #[allow(
        clippy::panic,
        reason = "used by tests only, which a panic is how to fail"
    )]
    pub fn generate() -> Self {
        match RsaPrivateKey::new(&mut OsRng, BITS) {
            Ok(key) => Self {
                id: format!("ins_{}", random(18)),
                key,
            },
            Err(error) => panic!("no RSA key: {error}"),
        }
    }

    /// A key that all fakes of this process share, for those that need no key of their own.
    pub(crate) fn shared() -> Self {
        static SHARED: OnceLock<SigningKey> = OnceLock::new();
        SHARED.get_or_init(Self::generate).clone()
    }

    /// Its `kid`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The public half as a member of a key set (RFC 7517).
    pub fn public(&self) -> Value {
        let public = RsaPublicKey::from(&self.key);
        json!({
            "use": "sig",
            "kty": "RSA",
            "kid": self.id,
            "alg": "RS256",
            "n": URL_SAFE_NO_PAD.encode(public.n().to_bytes_be()),
            "e": URL_SAFE_NO_PAD.encode(public.e().to_bytes_be()),
        })
    }

    /// A token (RFC 7519) with these claims.
    pub fn sign(&self, claims: &Value) -> String {
        let header = json!({"alg": "RS256", "kid": self.id, "typ": "JWT"});
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", encode(&header), encode(claims));
        let signer = pkcs1v15::SigningKey::<Sha256>::new(self.key.clone());
        let signature = signer.sign(signed.as_bytes()).to_bytes();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// So many random bytes, as text of the URL-safe alphabet.
pub(crate) fn random(bytes: usize) -> String {
    let mut random = vec![0; bytes];
    OsRng.fill_bytes(&mut random);
    URL_SAFE_NO_PAD.encode(random)
}

/// Claims with others put over them; `null` takes a claim away.
pub(crate) fn overridden(claims: Value, changes: &Value) -> Value {
    let mut claims = match claims {
        Value::Object(claims) => claims,
        _ => Map::new(),
    };
    for (name, value) in changes.as_object().into_iter().flatten() {
        match value {
            Value::Null => claims.remove(name),
            value => claims.insert(name.clone(), value.clone()),
        };
    }
    Value::Object(claims)
}
