//! Request bodies.

use contracts::messaging::profiles::{AgeChange, Changes};
use http_edge::{ApiError, Validator};
use realtime_events::OwnPresence;
use serde::Deserialize;
use team::{nullable, text_change};
use url::Url;

/// Longest name, in characters.
const MAX_NAME: usize = 100;
/// Longest URL of a picture, in bytes.
const MAX_IMAGE: usize = 2_048;

/// An absent field is not changed. `null` clears a field that may be empty.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct UpdateUser {
    pub(crate) email: Option<String>,
    pub(crate) name: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) image: Option<Option<String>>,
    /// Has no effect: only a token that was sent to the address verifies it.
    email_verified: Option<bool>,
    pub(crate) presence: Option<OwnPresence>,
    profile: Option<UpdateProfile>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UpdateProfile {
    #[serde(default, deserialize_with = "nullable")]
    display_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    avatar_url: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    banner_url: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    bio: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    age: Option<Option<u32>>,
    /// Has no effect: whether a user is online depends on their connections.
    is_online: Option<bool>,
}

#[derive(Default, Deserialize)]
pub(crate) struct DeleteUser {
    pub(crate) password: Option<String>,
}

impl UpdateUser {
    /// 400 unless at least one field is changed, and the fields of the account are valid there too: a change is
    /// written to two places, and must not succeed in one only.
    pub(crate) fn validate(&mut self) -> Result<(), ApiError> {
        if self.is_empty() {
            return Err(ApiError::invalid("body", team::NOTHING_TO_UPDATE));
        }
        let mut validator = Validator::new();
        if let Some(name) = &mut self.name {
            *name = name.trim().to_owned();
            validator
                .require(
                    (1..=MAX_NAME).contains(&name.chars().count()),
                    "name",
                    "must be 1 to 100 characters",
                )
                .require(
                    !name.contains(char::is_control),
                    "name",
                    "must not contain control characters",
                );
        }
        if let Some(Some(image)) = &self.image {
            validator.require(
                is_image(image),
                "image",
                "must be an http or https URL of at most 2048 bytes",
            );
        }
        validator.finish()
    }

    fn is_empty(&self) -> bool {
        let profile = self.profile.as_ref();
        self.email.is_none()
            && self.name.is_none()
            && self.image.is_none()
            && self.email_verified.is_none()
            && self.presence.is_none()
            && profile.is_none_or(UpdateProfile::is_empty)
    }

    /// The texts that other users can read, with their paths, for moderation.
    pub(crate) fn texts(&mut self) -> Vec<(String, &mut String)> {
        let (display_name, bio) = match &mut self.profile {
            Some(profile) => (
                profile.display_name.iter_mut().flatten().next(),
                profile.bio.iter_mut().flatten().next(),
            ),
            None => (None, None),
        };
        [
            ("name", self.name.as_mut()),
            ("profile.displayName", display_name),
            ("profile.bio", bio),
        ]
        .into_iter()
        .filter_map(|(path, text)| Some((path.to_owned(), text?)))
        .collect()
    }

    /// The changes of what others see.
    pub(crate) fn changes(&mut self) -> Changes {
        let profile = self.profile.take().unwrap_or_default();
        Changes {
            name: self.name.clone(),
            image: text_change(self.image.clone()),
            display_name: text_change(profile.display_name),
            avatar_url: text_change(profile.avatar_url),
            banner_url: text_change(profile.banner_url),
            bio: text_change(profile.bio),
            age: match profile.age {
                None => AgeChange::Keep,
                Some(None) => AgeChange::Clear,
                Some(Some(age)) => AgeChange::Set(age),
            },
        }
    }
}

impl UpdateProfile {
    fn is_empty(&self) -> bool {
        self.display_name.is_none()
            && self.avatar_url.is_none()
            && self.banner_url.is_none()
            && self.bio.is_none()
            && self.age.is_none()
            && self.is_online.is_none()
    }
}

fn is_image(url: &str) -> bool {
    url.len() <= MAX_IMAGE
        && Url::parse(url)
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(body: &str) -> UpdateUser {
        serde_json::from_str(body).unwrap()
    }

    #[test]
    fn validate_without_a_property_is_an_error() {
        for empty in ["{}", r#"{"profile": {}}"#, r#"{"name": null}"#] {
            let Err(ApiError::Validation(details)) = parsed(empty).validate() else {
                panic!("{empty}")
            };
            assert_eq!(
                details[0].message,
                "Provide at least one property to update."
            );
        }
        for some in [
            r#"{"emailVerified": true}"#,
            r#"{"profile": {"isOnline": true}}"#,
            r#"{"profile": {"age": null}}"#,
            r#"{"image": null}"#,
            r#"{"presence": "hidden"}"#,
        ] {
            assert!(parsed(some).validate().is_ok(), "{some}");
        }
    }

    #[test]
    fn validate_checks_the_fields_of_the_account() {
        for bad in [
            r#"{"name": " "}"#,
            r#"{"name": "a\nb"}"#,
            r#"{"image": "/a.png"}"#,
            r#"{"image": "javascript:alert(1)"}"#,
            r#"{"image": ""}"#,
        ] {
            assert!(parsed(bad).validate().is_err(), "{bad}");
        }
        let mut request = parsed(r#"{"name": " Ada ", "image": "https://example.com/a.png"}"#);
        assert!(request.validate().is_ok());
        assert_eq!(request.name.as_deref(), Some("Ada"));
    }

    #[test]
    fn texts_are_those_that_others_read() {
        let mut request = parsed(r#"{"name": "a", "email": "b", "profile": {"bio": "c"}}"#);
        let texts: Vec<_> = request.texts().into_iter().map(|(path, _)| path).collect();
        assert_eq!(texts, ["name", "profile.bio"]);
    }
}
