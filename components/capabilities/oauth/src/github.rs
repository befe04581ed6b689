//! GitHub: <https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps>.

use serde::Deserialize;

use crate::response::{self, ProviderResponse};
use crate::settings::GitHub;
use crate::{Error, Profile};

/// The profile and all addresses. The address on the profile is not verified.
pub(crate) const SCOPE: &str = "read:user user:email";

/// GitHub's error codes for an unknown, used or expired code, and for an account whose primary address
/// is not confirmed.
const REFUSALS: [&str; 2] = ["bad_verification_code", "unverified_user_email"];

/// Maximum length of an access token, in bytes. They have 40.
const TOKEN_BYTES_MAX: usize = 1024;

#[derive(Deserialize)]
struct Token {
    access_token: String,
}

/// <https://docs.github.com/rest/users/users#get-the-authenticated-user>
#[derive(Deserialize)]
struct User {
    id: u64,
    login: Option<String>,
    name: Option<String>,
    email: Option<String>,
    avatar_url: Option<String>,
}

/// <https://docs.github.com/rest/users/emails#list-email-addresses-for-the-authenticated-user>
#[derive(Deserialize)]
struct Address {
    email: String,
    #[serde(default)]
    primary: bool,
    #[serde(default)]
    verified: bool,
}

impl GitHub {
    pub(crate) fn authorization_endpoint(&self) -> String {
        format!("{}/login/oauth/authorize", self.base_url)
    }

    pub(crate) fn token_endpoint(&self) -> String {
        format!("{}/login/oauth/access_token", self.base_url)
    }

    pub(crate) fn user_url(&self) -> String {
        format!("{}/user", self.api_url)
    }

    pub(crate) fn emails_url(&self) -> String {
        format!("{}/user/emails?per_page=100", self.api_url)
    }
}

/// The access token in the response to a code.
///
/// # Errors
/// As `ProviderResponse::token`.
pub(crate) fn access_token(response: &ProviderResponse) -> Result<String, Error> {
    let Token { access_token } = response.token(&REFUSALS)?;
    let visible = access_token.bytes().all(|byte| byte.is_ascii_graphic());
    match access_token.len() {
        1..=TOKEN_BYTES_MAX if visible => Ok(access_token),
        _ => Err(Error::Protocol("the access token is none".to_owned())),
    }
}

/// The profile from the responses with the user and the addresses. Only an address that GitHub has
/// verified counts as verified.
///
/// # Errors
/// As `ProviderResponse::json`.
pub(crate) fn profile(
    user: &ProviderResponse,
    emails: &ProviderResponse,
) -> Result<Profile, Error> {
    let user: User = user.json()?;
    let addresses: Vec<Address> = match emails.status {
        // An enterprise server may not return them.
        403 | 404 => Vec::new(),
        _ => emails.json()?,
    };
    let primary = addresses.iter().find(|address| address.primary);
    let chosen = primary.or_else(|| addresses.iter().find(|address| address.verified));
    let (email, verified) = match chosen {
        Some(address) => (Some(address.email.clone()), address.verified),
        None => (user.email, false),
    };
    let email = response::email(email);
    Ok(Profile {
        subject: user.id.to_string(),
        email_verified: verified && email.is_some(),
        email,
        name: response::name(user.name).or_else(|| response::name(user.login)),
        image: response::image(user.avatar_url),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(body: &str) -> ProviderResponse {
        ProviderResponse {
            status: 200,
            body: body.as_bytes().to_vec(),
        }
    }

    const USER: &str = r#"{"login":"octocat","id":583231,"node_id":"x","name":"The Octocat",
        "email":null,"avatar_url":"https://avatars.githubusercontent.com/u/583231?v=4","plan":{}}"#;

    #[test]
    fn access_token_of_error_with_status_200_fails() {
        let body = r#"{"access_token":"gho_16C7","scope":"read:user","token_type":"bearer"}"#;
        assert_eq!(access_token(&ok(body)), Ok("gho_16C7".to_owned()));
        let body = r#"{"error":"bad_verification_code","error_description":"The code passed is
            incorrect or expired.","error_uri":"https://docs.github.com/x"}"#;
        let body = body.replace('\n', " ");
        assert!(matches!(
            access_token(&ok(&body)),
            Err(Error::CodeRefused(_))
        ));
        let body = r#"{"error":"incorrect_client_credentials"}"#;
        assert!(matches!(access_token(&ok(body)), Err(Error::Protocol(_))));
        for odd in ["", "a\r\nb: c", &"x".repeat(2000)] {
            let body = serde_json::json!({ "access_token": odd }).to_string();
            assert!(matches!(access_token(&ok(&body)), Err(Error::Protocol(_))));
        }
    }

    #[test]
    fn profile_has_the_primary_address() {
        let emails = r#"[
            {"email":"old@example.com","primary":false,"verified":true,"visibility":null},
            {"email":"octocat@example.com","primary":true,"verified":true,"visibility":"private"}]"#;
        let profile = profile(&ok(USER), &ok(emails)).unwrap();
        assert_eq!(profile.subject, "583231");
        assert_eq!(profile.email.as_deref(), Some("octocat@example.com"));
        assert!(profile.email_verified);
        assert_eq!(profile.name.as_deref(), Some("The Octocat"));
        assert!(profile.image.unwrap().starts_with("https://avatars."));
    }

    #[test]
    fn profile_with_unverified_address_is_unverified() {
        let unverified = r#"[{"email":"o@example.com","primary":true,"verified":false}]"#;
        let profile = self::profile(&ok(USER), &ok(unverified)).unwrap();
        assert_eq!(
            (profile.email.as_deref(), profile.email_verified),
            (Some("o@example.com"), false)
        );

        let public = USER.replace(r#""email":null"#, r#""email":"typed@example.com""#);
        let withheld = ProviderResponse {
            status: 404,
            body: b"{}".to_vec(),
        };
        let profile = self::profile(&ok(&public), &withheld).unwrap();
        assert_eq!(profile.email.as_deref(), Some("typed@example.com"));
        assert!(!profile.email_verified);

        let profile = self::profile(&ok(USER), &ok("[]")).unwrap();
        assert_eq!((profile.email, profile.email_verified), (None, false));
        let odd = r#"[{"email":"no address","primary":true,"verified":true}]"#;
        let profile = self::profile(&ok(USER), &ok(odd)).unwrap();
        assert_eq!((profile.email, profile.email_verified), (None, false));
    }

    #[test]
    fn profile_without_name_has_login() {
        let nameless = USER.replace(r#""The Octocat""#, "null");
        let profile = self::profile(&ok(&nameless), &ok("[]")).unwrap();
        assert_eq!(profile.name.as_deref(), Some("octocat"));
    }

    #[test]
    fn profile_of_other_response_fails() {
        for body in ["", "[]", "{}", r#"{"id":"7"}"#, r#"{"id":-1}"#] {
            assert!(profile(&ok(body), &ok("[]")).is_err(), "{body}");
        }
        assert!(profile(&ok(USER), &ok("{}")).is_err());
    }
}
