//! Hashing passwords with Argon2id (RFC 9106), and rejecting weak ones.
//!
//! The parameters are from OWASP's Password Storage Cheat Sheet: 19 MiB, 2 passes, 1 lane. Hashing does
//! not yield, so an instance uses that memory at most once at a time.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{self, CustomizedPasswordHasher, PasswordVerifier};
use argon2::{Argon2, Params};
use unicode_normalization::UnicodeNormalization;

use crate::fields::FieldErrors;
use crate::types::Error;

/// Minimum length of a password, in characters (NIST SP 800-63B, section 3.1.1.2).
const CHARS_MIN: usize = 8;

/// Maximum length of a password, in characters.
const CHARS_MAX: usize = 128;

/// The most common passwords of at least [`CHARS_MIN`] characters, one per line, in lower case.
const COMMON_PASSWORDS: &str = include_str!("common_passwords.txt");

const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;

/// Whether a password matches a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PasswordMatch {
    Match,
    /// It matches, and the hash has outdated parameters.
    MatchOutdatedHash,
    NoMatch,
}

/// The rules for new passwords: a minimum length, the most common passwords, and with
/// `password_min_score` an estimate of the strength.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PasswordRules {
    /// The minimum score of zxcvbn, 0 to 4.
    min_score: Option<u8>,
}

impl PasswordRules {
    /// The rules for a value of the variable `password_min_score`.
    ///
    /// # Errors
    /// `misconfigured` if the value is invalid, or needs another component.
    pub(crate) fn parse(min_score: &str) -> Result<Self, Error> {
        let min_score = match min_score.trim() {
            "" => None,
            "0" | "1" | "2" | "3" | "4" if !cfg!(feature = "strict-passwords") => {
                return Err(Error::Misconfigured(
                    "the variable password_min_score needs the component \
                     accounts-strict-passwords"
                        .to_owned(),
                ));
            }
            text => match text.parse::<u8>() {
                Ok(score) if score <= 4 => Some(score),
                _ => {
                    return Err(Error::Misconfigured(
                        "the variable password_min_score must be 0 to 4".to_owned(),
                    ));
                }
            },
        };
        Ok(Self { min_score })
    }

    /// Validates a new password. `public_facts` are facts about its owner, such as the email address.
    pub(crate) fn check(
        self,
        password: &str,
        field: &str,
        public_facts: &[&str],
        errors: &mut FieldErrors,
    ) {
        let chars = password.chars().count();
        if chars < CHARS_MIN {
            errors.add(field, "must be at least 8 characters");
        } else if chars > CHARS_MAX {
            errors.add(field, "must be at most 128 characters");
        } else if is_common(password)
            || is_public(password, public_facts)
            || !self.is_strong(password, public_facts)
        {
            errors.add(field, "is too easy to guess");
        }
    }

    #[cfg(feature = "strict-passwords")]
    fn is_strong(self, password: &str, public_facts: &[&str]) -> bool {
        self.min_score
            .is_none_or(|minimum| strength::score(password, public_facts) >= minimum)
    }

    #[cfg(not(feature = "strict-passwords"))]
    fn is_strong(self, _password: &str, _known: &[&str]) -> bool {
        // `parse` accepts no score without the feature.
        self.min_score.is_none()
    }
}

fn is_common(password: &str) -> bool {
    let password = password.to_lowercase();
    COMMON_PASSWORDS.lines().any(|common| common == password)
}

/// Whether the password is one of the public facts, or the part of an email address before the `@`.
fn is_public(password: &str, public_facts: &[&str]) -> bool {
    let password = password.to_lowercase();
    public_facts.iter().any(|fact| {
        let fact = fact.to_lowercase();
        fact == password || fact.split('@').next() == Some(&password)
    })
}

#[cfg(feature = "strict-passwords")]
mod strength {
    use zxcvbn::zxcvbn;

    /// Characters of a password that are estimated, because the time grows with the length.
    const ESTIMATED_CHARS: usize = 64;

    /// The score of a password, 0 to 4. `public_facts` are facts about its owner.
    pub(super) fn score(password: &str, public_facts: &[&str]) -> u8 {
        let start: String = password.chars().take(ESTIMATED_CHARS).collect();
        let mut words = vec!["goldfish"];
        for text in public_facts {
            words.push(text);
            words.extend(text.split('@').next());
            words.extend(
                text.split(|c: char| !c.is_alphanumeric())
                    .filter(|word| word.len() > 2),
            );
        }
        // It fails only for an empty password.
        zxcvbn(&start, &words).map_or(0, |estimate| estimate.score())
    }
}

/// Hashes a new password. Returns a PHC string.
///
/// # Errors
/// `unavailable` if the host has no randomness or too little memory.
pub(crate) fn hash(password: &str) -> Result<String, Error> {
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt).map_err(failed)?;
    hash_with(password, &salt, params()?)
}

/// Compares a password with a hash. Without a hash the result is `NoMatch` after the same time.
///
/// # Errors
/// `unavailable` if there is too little memory.
pub(crate) fn verify(password: &str, hash: Option<&str>) -> Result<PasswordMatch, Error> {
    let too_long = password.chars().nth(CHARS_MAX).is_some();
    let stored = hash.and_then(|hash| PasswordHash::new(hash).ok());
    let (Some(stored), false) = (stored, too_long) else {
        let start: String = password.chars().take(CHARS_MAX).collect();
        std::hint::black_box(hash_with(&start, &[0; SALT_BYTES], params()?)?);
        return Ok(PasswordMatch::NoMatch);
    };
    let normal = normalised(password);
    match Argon2::default().verify_password(normal.as_bytes(), &stored) {
        Ok(()) if is_current(&stored) => Ok(PasswordMatch::Match),
        Ok(()) => Ok(PasswordMatch::MatchOutdatedHash),
        Err(password_hash::Error::PasswordInvalid) => Ok(PasswordMatch::NoMatch),
        Err(error) => Err(failed(error)),
    }
}

fn is_current(stored: &PasswordHash) -> bool {
    let same = |params: Params| {
        (params.m_cost(), params.t_cost(), params.p_cost()) == (MEMORY_KIB, PASSES, LANES)
    };
    stored.algorithm.as_str() == "argon2id" && Params::try_from(stored).is_ok_and(same)
}

fn hash_with(password: &str, salt: &[u8], params: Params) -> Result<String, Error> {
    let normal = normalised(password);
    let hash: PasswordHash = Argon2::default()
        .hash_password_with_params(normal.as_bytes(), salt, params)
        .map_err(failed)?;
    Ok(hash.to_string())
}

fn params() -> Result<Params, Error> {
    Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(failed)
}

fn normalised(password: &str) -> String {
    password.nfc().collect()
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Unavailable(format!("hashing a password: {error}"))
}

#[cfg(test)]
mod tests {
    #[cfg(feature = "strict-passwords")]
    use proptest::prelude::*;

    use super::*;

    fn check(rules: PasswordRules, password: &str) -> bool {
        let mut errors = FieldErrors::default();
        let public_facts = ["ada.lovelace@example.com", "Ada Lovelace"];
        rules.check(password, "password", &public_facts, &mut errors);
        errors.into_result().is_ok()
    }

    #[test]
    fn check_by_default_rejects_short_long_and_common_passwords_only() {
        let rules = PasswordRules::parse(" ").unwrap();
        for bad in [
            "",
            "short",
            "1234567",
            "12345678",
            "Password",
            "PASSWORD1",
            "qwertyuiop",
            "iloveyou",
            "Ada.Lovelace",
            "ada.lovelace@example.com",
            "ada lovelace",
            &"a".repeat(129),
        ] {
            assert!(!check(rules, bad), "{bad}");
        }
        for good in [
            "yourpassword",
            "correct horse battery",
            "пароль для рыбки",
            "ffffffff",
        ] {
            assert!(check(rules, good), "{good}");
        }
    }

    #[test]
    fn common_passwords_are_lower_case_and_long_enough() {
        for common in COMMON_PASSWORDS.lines() {
            assert_eq!(common.to_lowercase(), common);
            assert!(common.chars().count() >= CHARS_MIN, "{common}");
        }
    }

    #[test]
    fn parse_of_invalid_score_fails() {
        for bad in ["5", "-1", "high", "1.5"] {
            assert!(PasswordRules::parse(bad).is_err(), "{bad}");
        }
        let strict = PasswordRules::parse("3");
        assert_eq!(strict.is_ok(), cfg!(feature = "strict-passwords"));
    }

    #[cfg(feature = "strict-passwords")]
    mod strict {
        use super::*;

        #[test]
        fn check_with_min_score_rejects_guessable_passwords() {
            let rules = PasswordRules::parse("2").unwrap();
            for bad in [
                "password",
                "Password",
                "password1",
                "Password1!",
                "passw0rd",
                "12345678",
                "123456789",
                "1234567890",
                "qwertyuiop",
                "qwerty123",
                "qwertzuiop",
                "1q2w3e4r",
                "asdfghjkl",
                "iloveyou",
                "letmein1",
                "baseball",
                "sunshine",
                "princess1",
                "football1",
                "aaaaaaaa",
                "abcdefgh",
                "abcabcabc",
                "11111111",
                "00000000",
                "19841984",
                "monkey123",
                "trustno1",
                "ada.lovelace",
                "ada.lovelace@example.com",
                "lovelace",
                "Lovelace1",
                "goldfish",
                "goldfish1",
                "short",
                "",
                &"a".repeat(128),
                &"x1".repeat(65),
            ] {
                assert!(!check(rules, bad), "{bad}");
            }
            for good in [
                "xK7#mQ2vL9pR",
                "h3tq0zvb81km",
                "correct horse battery staple",
                "umbrella tractor mosaic pepper",
                "Ada hat 3 Katzen im Garten",
                "пароль для рыбки золотой",
            ] {
                assert!(check(rules, good), "{good}");
            }
        }

        #[test]
        fn check_with_higher_min_score_rejects_more() {
            let password = "goldfinch77";
            assert!(check(PasswordRules::parse("1").unwrap(), password));
            assert!(!check(PasswordRules::parse("4").unwrap(), password));
        }

        proptest! {
            /// The library slices strings.
            #[test]
            fn score_of_any_text_does_not_panic(password in "\\PC{0,70}", public_facts in "\\PC{0,30}", odd in any::<String>()) {
                strength::score(&password, &[&public_facts]);
                strength::score(&odd, &[&public_facts, &password]);
                strength::score(&public_facts, &[&public_facts]);
            }

            #[test]
            fn check_of_random_password_is_valid(password in "[a-zA-Z0-9]{12}") {
                prop_assert!(check(PasswordRules::parse("2").unwrap(), &password));
            }
        }
    }

    #[test]
    fn verify_matches_only_the_hashed_password() {
        let stored = hash("correct horse").unwrap();
        assert!(
            stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{stored}"
        );
        assert_ne!(stored, hash("correct horse").unwrap());
        assert_eq!(
            verify("correct horse", Some(&stored)).unwrap(),
            PasswordMatch::Match
        );
        for wrong in ["Correct horse", "", "correct horse ", &"x".repeat(10_000)] {
            assert_eq!(
                verify(wrong, Some(&stored)).unwrap(),
                PasswordMatch::NoMatch
            );
        }
        assert_eq!(
            verify("correct horse", None).unwrap(),
            PasswordMatch::NoMatch
        );
        assert_eq!(
            verify("correct horse", Some("damaged")).unwrap(),
            PasswordMatch::NoMatch
        );
    }

    #[test]
    fn verify_of_other_unicode_form_matches() {
        let stored = hash("caf\u{e9} caf\u{e9}").unwrap();
        let typed = verify("cafe\u{301} cafe\u{301}", Some(&stored)).unwrap();
        assert_eq!(typed, PasswordMatch::Match);
    }

    #[test]
    fn verify_with_outdated_parameters_reports_them() {
        let weak = Params::new(8_192, 1, 1, None).unwrap();
        let stored = hash_with("correct horse", &[7; 16], weak).unwrap();
        assert_eq!(
            verify("correct horse", Some(&stored)).unwrap(),
            PasswordMatch::MatchOutdatedHash
        );
        assert_eq!(
            verify("wrong horse", Some(&stored)).unwrap(),
            PasswordMatch::NoMatch
        );
    }
}
