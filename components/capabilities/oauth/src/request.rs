//! The requests to a provider.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use url::Url;
use url::form_urlencoded::Serializer;

use crate::Error;
use crate::settings::Client;

/// Maximum length of a state and of a code, in bytes.
const PARAMETER_BYTES_MAX: usize = 2048;

/// A request to a provider. Has no `Debug`, because it contains secrets.
pub(crate) struct ProviderRequest {
    pub(crate) url: String,
    /// `Authorization: Bearer`.
    pub(crate) token: Option<String>,
    /// An encoded form, for POST.
    pub(crate) form: Option<String>,
}

impl ProviderRequest {
    /// A GET request with the user's access token.
    pub(crate) fn get(url: String, token: &str) -> Self {
        Self {
            url,
            token: Some(token.to_owned()),
            form: None,
        }
    }
}

/// The authorization URL of the code grant with PKCE.
///
/// # Errors
/// `protocol` for invalid parameters or an invalid base URL.
pub(crate) fn authorization_url(
    endpoint: &str,
    client: &Client,
    scope: &str,
    redirect_uri: &str,
    state: &str,
    code_verifier: &str,
) -> Result<String, Error> {
    check_redirect_uri(redirect_uri)?;
    check_verifier(code_verifier)?;
    if !(1..=PARAMETER_BYTES_MAX).contains(&state.len()) {
        return Err(protocol("the state is empty or too long"));
    }
    let mut url = Url::parse(endpoint)
        .map_err(|_| protocol("the provider's base URL in the settings is no URL"))?;
    url.query_pairs_mut()
        .append_pair("client_id", &client.id)
        .append_pair("redirect_uri", redirect_uri)
        .append_pair("response_type", "code")
        .append_pair("scope", scope)
        .append_pair("state", state)
        .append_pair("code_challenge", &challenge(code_verifier))
        .append_pair("code_challenge_method", "S256");
    Ok(url.into())
}

/// The request that exchanges a code.
///
/// # Errors
/// `code-refused` for an invalid code, `protocol` for other invalid parameters.
pub(crate) fn code_exchange(
    endpoint: String,
    client: &Client,
    redirect_uri: &str,
    code: &str,
    code_verifier: &str,
) -> Result<ProviderRequest, Error> {
    check_redirect_uri(redirect_uri)?;
    check_verifier(code_verifier)?;
    if !(1..=PARAMETER_BYTES_MAX).contains(&code.len()) {
        return Err(Error::CodeRefused(
            "the code is empty or too long".to_owned(),
        ));
    }
    let form = Serializer::new(String::new())
        .append_pair("grant_type", "authorization_code")
        .append_pair("client_id", &client.id)
        .append_pair("client_secret", &client.secret)
        .append_pair("redirect_uri", redirect_uri)
        .append_pair("code", code)
        .append_pair("code_verifier", code_verifier)
        .finish();
    Ok(ProviderRequest {
        url: endpoint,
        token: None,
        form: Some(form),
    })
}

/// The S256 challenge of a verifier (RFC 7636, section 4.2).
fn challenge(code_verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(code_verifier))
}

/// 43 to 128 unreserved characters (RFC 7636, section 4.1).
fn check_verifier(code_verifier: &str) -> Result<(), Error> {
    let unreserved =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let fits = (43..=128).contains(&code_verifier.len());
    if fits && code_verifier.bytes().all(unreserved) {
        Ok(())
    } else {
        Err(protocol("the code verifier does not fit RFC 7636"))
    }
}

fn check_redirect_uri(redirect_uri: &str) -> Result<(), Error> {
    match Url::parse(redirect_uri) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.fragment().is_none() => Ok(()),
        _ => Err(protocol("the redirect URI is no http(s) URL")),
    }
}

fn protocol(text: &str) -> Error {
    Error::Protocol(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const REDIRECT: &str = "https://goldfish.example/api/auth/callback/github";
    /// The example of RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

    fn client() -> Client {
        Client::new("app id", "s&cret").unwrap()
    }

    #[test]
    fn authorization_url_has_challenge_without_verifier() {
        let endpoint = "https://github.com/login/oauth/authorize";
        let url = authorization_url(endpoint, &client(), "a b", REDIRECT, "st&te", VERIFIER);
        assert_eq!(
            url.unwrap(),
            "https://github.com/login/oauth/authorize?client_id=app+id\
             &redirect_uri=https%3A%2F%2Fgoldfish.example%2Fapi%2Fauth%2Fcallback%2Fgithub\
             &response_type=code&scope=a+b&state=st%26te\
             &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM\
             &code_challenge_method=S256"
        );
    }

    #[test]
    fn code_exchange_has_secrets_in_body_only() {
        let request = code_exchange(
            "https://x/token".to_owned(),
            &client(),
            REDIRECT,
            "c/1",
            VERIFIER,
        );
        let request = request.ok().unwrap();
        assert_eq!(request.url, "https://x/token");
        let form = request.form.unwrap();
        assert!(form.contains("client_secret=s%26cret&"), "{form}");
        assert!(form.contains("code=c%2F1"), "{form}");
        assert!(
            form.ends_with(&format!("code_verifier={VERIFIER}")),
            "{form}"
        );
    }

    #[test]
    fn requests_with_invalid_parameters_fail() {
        let verifier_of = |length| "v".repeat(length);
        let url = |redirect: &str, state: &str, verifier: &str| {
            authorization_url("https://x", &client(), "s", redirect, state, verifier)
        };
        assert!(url(REDIRECT, "s", &verifier_of(43)).is_ok());
        assert!(url(REDIRECT, "s", &verifier_of(128)).is_ok());
        for (redirect, state, verifier) in [
            (REDIRECT, "s", verifier_of(42)),
            (REDIRECT, "s", verifier_of(129)),
            (REDIRECT, "s", format!("{}+", verifier_of(43))),
            (REDIRECT, "", verifier_of(43)),
            ("javascript:alert(1)", "s", verifier_of(43)),
            ("https://x/#y", "s", verifier_of(43)),
            ("/relative", "s", verifier_of(43)),
        ] {
            assert!(url(redirect, state, &verifier).is_err(), "{redirect}");
        }
        let long = "c".repeat(PARAMETER_BYTES_MAX + 1);
        for code in ["", long.as_str()] {
            let refused =
                code_exchange("https://x".to_owned(), &client(), REDIRECT, code, VERIFIER);
            assert!(matches!(refused.err(), Some(Error::CodeRefused(_))));
        }
    }
}
