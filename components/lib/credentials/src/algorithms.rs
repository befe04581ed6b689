//! The cryptography that `jsonwebtoken` uses: HS256 for our own tokens and, with the feature `rs256`,
//! RS256 for those of identity providers, and nothing else. A token with another algorithm can never be
//! accepted by a wrong configuration, because there is no code for it.

use hmac::{Hmac, Mac};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind, Result};
use jsonwebtoken::signature::{Error as SignatureError, Signer, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, EncodingKey, Header, Validation};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;

use crate::MAX_CREDENTIAL_BYTES;

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    // For converting between key formats, which is not used here. The library's default panics.
    key_utils: KeyUtils {
        rsa_pub_components_from_private_key: |_| Err(unsupported()),
        rsa_pub_components_from_public_key: |_| Err(unsupported()),
        ec_pub_components_from_private_key: |_, _| Err(unsupported()),
        ed_pub_components_from_private_key: |_, _| Err(unsupported()),
        compute_digest: |_, _| Err(unsupported()),
    },
};

/// Makes `jsonwebtoken` use the algorithms of this module. Without it the library panics, so it
/// must be called before each use. Later calls do nothing.
fn install() {
    // An error means that it was installed before.
    let _ = PROVIDER.install_default();
}

/// The claims of `token` if it is signed with `algorithm` and `key` and is not too long. Does not
/// check the claims: the caller checks issuer and times against its own clock.
pub fn verify_signature<C: DeserializeOwned>(
    token: &str,
    algorithm: Algorithm,
    key: &DecodingKey,
) -> Option<C> {
    install();
    if token.len() > MAX_CREDENTIAL_BYTES {
        return None;
    }
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let data = jsonwebtoken::decode::<C>(token, key, &validation).ok()?;
    // A critical header extension (RFC 7515, 4.1.11). None is supported.
    data.header.crit.is_none().then_some(data.claims)
}

/// `claims` as a token signed with HS256. `None` only if the library fails.
pub(crate) fn sign(claims: &impl Serialize, key: &EncodingKey) -> Option<String> {
    install();
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, key).ok()
}

fn unsupported() -> Error {
    ErrorKind::UnsupportedAlgorithm.into()
}

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    match (algorithm, key.family()) {
        (Algorithm::HS256, AlgorithmFamily::Hmac) => Ok(Box::new(Hs256::new(key.as_bytes())?)),
        _ => Err(unsupported()),
    }
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    match (algorithm, key.family()) {
        (Algorithm::HS256, AlgorithmFamily::Hmac) => {
            Ok(Box::new(Hs256::new(key.try_get_as_bytes()?)?))
        }
        #[cfg(feature = "rs256")]
        (Algorithm::RS256, AlgorithmFamily::Rsa) => Ok(Box::new(rs256::Rs256::new(key)?)),
        _ => Err(unsupported()),
    }
}

/// HMAC with SHA-256 (RFC 7518, section 3.2).
struct Hs256(Hmac<Sha256>);

impl Hs256 {
    fn new(key: &[u8]) -> Result<Self> {
        Hmac::new_from_slice(key)
            .map(Self)
            .map_err(|_| ErrorKind::InvalidKeyFormat.into())
    }
}

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, SignatureError> {
        let mac = self.0.clone().chain_update(message);
        Ok(mac.finalize().into_bytes().to_vec())
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    fn verify(
        &self,
        message: &[u8],
        signature: &Vec<u8>,
    ) -> std::result::Result<(), SignatureError> {
        // Compares in constant time.
        self.0
            .clone()
            .chain_update(message)
            .verify_slice(signature)
            .map_err(|_| SignatureError::new())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

#[cfg(feature = "rs256")]
mod rs256 {
    use jsonwebtoken::crypto::JwtVerifier;
    use jsonwebtoken::errors::{ErrorKind, Result};
    use jsonwebtoken::signature::{Error as SignatureError, Verifier};
    use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
    use rsa::{BigUint, Pkcs1v15Sign, RsaPublicKey};
    use sha2::{Digest, Sha256};

    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518, section 3.3), verification only.
    pub(super) struct Rs256(RsaPublicKey);

    impl Rs256 {
        pub(super) fn new(key: &DecodingKey) -> Result<Self> {
            let DecodingKeyKind::RsaModulusExponent { n, e } = key.kind() else {
                return Err(ErrorKind::InvalidKeyFormat.into());
            };
            // Limits modulus and exponent, so that a strange key does not cost unbounded time.
            RsaPublicKey::new(BigUint::from_bytes_be(n), BigUint::from_bytes_be(e))
                .map(Self)
                .map_err(|_| ErrorKind::InvalidKeyFormat.into())
        }
    }

    impl Verifier<Vec<u8>> for Rs256 {
        fn verify(
            &self,
            message: &[u8],
            signature: &Vec<u8>,
        ) -> std::result::Result<(), SignatureError> {
            self.0
                .verify(
                    Pkcs1v15Sign::new::<Sha256>(),
                    &Sha256::digest(message),
                    signature,
                )
                .map_err(|_| SignatureError::new())
        }
    }

    impl JwtVerifier for Rs256 {
        fn algorithm(&self) -> Algorithm {
            Algorithm::RS256
        }
    }
}
