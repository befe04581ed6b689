//! Authorization codes (RFC 6749, section 4.1) with PKCE (RFC 7636).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::now;
use super::signing::random;
use crate::service::{Call, ServiceResponse};

/// How long a code is valid, in seconds: ten minutes, as GitHub's.
const CODE_SECONDS: u64 = 600;

/// The request that a code was issued for.
struct Issued<U> {
    code: String,
    redirect_uri: String,
    challenge: Option<String>,
    expires: u64,
    user: U,
}

/// The codes that were given out and not exchanged.
pub(super) struct Codes<U>(Vec<Issued<U>>);

impl<U> Default for Codes<U> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// Why a code buys nothing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Unknown, used or too old.
    Code,
    RedirectUri,
    MissingVerifier,
    Verifier,
}

impl<U> Codes<U> {
    /// Issues a code for an authorization request.
    pub(super) fn issue(&mut self, prefix: &str, request: &Call, user: U) -> String {
        let code = format!("{prefix}{}", random(15));
        self.0.push(Issued {
            code: code.clone(),
            redirect_uri: text(request.parameter("redirect_uri")),
            challenge: request.parameter("code_challenge").map(str::to_owned),
            expires: now().saturating_add(CODE_SECONDS),
            user,
        });
        code
    }

    /// All codes given out so far are too old from now on.
    pub(super) fn expire(&mut self) {
        for issued in &mut self.0 {
            issued.expires = 0;
        }
    }

    /// Returns the user of a code. The code is used up by that, also if it is rejected.
    pub(super) fn exchange(
        &mut self,
        code: &str,
        redirect_uri: &str,
        verifier: Option<&str>,
    ) -> Result<U, Refused> {
        let place = self.0.iter().position(|issued| issued.code == code);
        let issued = self.0.swap_remove(place.ok_or(Refused::Code)?);
        if issued.expires <= now() {
            return Err(Refused::Code);
        }
        if issued.redirect_uri != redirect_uri {
            return Err(Refused::RedirectUri);
        }
        match (issued.challenge, verifier) {
            (Some(_), None) => Err(Refused::MissingVerifier),
            (Some(challenge), Some(verifier)) if challenge != s256(verifier) => {
                Err(Refused::Verifier)
            }
            _ => Ok(issued.user),
        }
    }
}

/// The S256 challenge of a verifier.
fn s256(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

/// Sends the browser back with these parameters and the request's `state`.
pub(super) fn back(request: &Call, parameters: &[(&str, &str)]) -> ServiceResponse {
    let Ok(mut url) = url::Url::parse(&text(request.parameter("redirect_uri"))) else {
        return ServiceResponse::text(400, "text/html", "redirect_uri_mismatch");
    };
    {
        let mut pairs = url.query_pairs_mut();
        pairs.extend_pairs(parameters);
        if let Some(state) = request.parameter("state") {
            pairs.append_pair("state", state);
        }
    }
    ServiceResponse::redirect(url.into())
}

pub(super) fn text(value: Option<&str>) -> String {
    value.unwrap_or_default().to_owned()
}
