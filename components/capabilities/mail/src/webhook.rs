//! What a call of the webhook consists of.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use serde::Serialize;
use sha2::Sha256;
use url::Url;

use crate::{Message, Template};

/// What secrets in the form of Standard Webhooks begin with; base64 follows.
const SECRET_PREFIX: &str = "whsec_";

/// Where mail goes. Has no `Debug`: the secret must not be shown by accident.
pub(crate) struct Webhook {
    pub(crate) url: String,
    /// The key of the signatures, if there are to be any.
    key: Option<Vec<u8>>,
}

/// One call, the same for every attempt.
pub(crate) struct Call {
    /// By which the receiver knows one that it has seen before.
    pub(crate) id: String,
    /// Seconds since the epoch.
    pub(crate) timestamp: u64,
    pub(crate) body: String,
    pub(crate) signature: Option<String>,
}

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Taken,
    /// Might be taken if tried again.
    Busy,
    Refused,
}

/// The body. What is none is `null`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    template: &'static str,
    to: &'a str,
    name: Option<&'a str>,
    url: Option<&'a str>,
    token: Option<&'a str>,
    /// Milliseconds since the epoch.
    expires_at: Option<u64>,
}

impl Webhook {
    /// Of the settings; none if there is no URL.
    ///
    /// # Errors
    /// Which setting makes no sense, for the log.
    pub(crate) fn new(url: &str, secret: &str) -> Result<Option<Self>, &'static str> {
        let (url, secret) = (url.trim(), secret.trim());
        if url.is_empty() {
            return Ok(None);
        }
        match Url::parse(url) {
            Ok(parsed) if matches!(parsed.scheme(), "http" | "https") => {}
            _ => return Err("mail_webhook_url is no http(s) URL"),
        }
        let key = match secret.strip_prefix(SECRET_PREFIX) {
            Some(encoded) => STANDARD
                .decode(encoded)
                .map_err(|_| "mail_webhook_secret is no base64 after whsec_")?,
            None => secret.as_bytes().to_vec(),
        };
        Ok(Some(Self {
            url: url.to_owned(),
            key: (!key.is_empty()).then_some(key),
        }))
    }

    /// The call that hands over a message; `now` is in seconds. None only if the message cannot be
    /// written as JSON, which it has no cause to.
    pub(crate) fn call(&self, message: &Message, id: String, now: u64) -> Option<Call> {
        let body = serde_json::to_string(&Body {
            template: match message.template {
                Template::VerifyEmail => "verify-email",
                Template::ResetPassword => "reset-password",
                Template::AlreadyRegistered => "already-registered",
                Template::PasswordChanged => "password-changed",
            },
            to: &message.to,
            name: message.name.as_deref(),
            url: message.url.as_deref(),
            token: message.token.as_deref(),
            expires_at: message.expires_at,
        })
        .ok()?;
        let signature = match &self.key {
            Some(key) => Some(sign(key, &id, now, &body)?),
            None => None,
        };
        Some(Call {
            id,
            timestamp: now,
            body,
            signature,
        })
    }
}

/// <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>
fn sign(key: &[u8], id: &str, timestamp: u64, body: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    Some(format!("v1,{signature}"))
}

/// What a status means.
pub(crate) fn verdict(status: u16) -> Verdict {
    match status {
        200..=299 => Verdict::Taken,
        408 | 429 | 500.. => Verdict::Busy,
        _ => Verdict::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        Message {
            template: Template::VerifyEmail,
            to: "ada@example.com".to_owned(),
            name: None,
            url: Some("https://x/verify?token=t".to_owned()),
            token: Some("t".to_owned()),
            expires_at: Some(1_800_000_000_000),
        }
    }

    #[test]
    fn the_signature_is_that_of_the_specification() {
        // The example of the Standard Webhooks libraries.
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = sign(
            &key,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(signature.as_deref(), Some(expected));
    }

    #[test]
    fn a_call_holds_the_whole_message() {
        let webhook = Webhook::new(" https://mailer.example/hook ", "plain secret");
        let webhook = webhook.unwrap().unwrap();
        assert_eq!(webhook.url, "https://mailer.example/hook");
        let call = webhook.call(&message(), "msg_1".to_owned(), 7).unwrap();
        assert_eq!(
            call.body,
            r#"{"template":"verify-email","to":"ada@example.com","name":null,"url":"https://x/verify?token=t","token":"t","expiresAt":1800000000000}"#
        );
        assert_eq!((call.id.as_str(), call.timestamp), ("msg_1", 7));
        let expected = sign(b"plain secret", "msg_1", 7, &call.body);
        assert_eq!(call.signature, expected);
    }

    #[test]
    fn without_a_secret_there_is_no_signature() {
        let webhook = Webhook::new("http://localhost:8025", "").unwrap().unwrap();
        let call = webhook.call(&message(), "msg_1".to_owned(), 7).unwrap();
        assert_eq!(call.signature, None);
    }

    #[test]
    fn settings_that_make_no_sense_are_told() {
        assert!(matches!(Webhook::new(" ", "secret"), Ok(None)));
        assert!(Webhook::new("mailer", "").is_err());
        assert!(Webhook::new("ftp://mailer", "").is_err());
        assert!(Webhook::new("https://mailer", "whsec_?").is_err());
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        assert_eq!(verdict(204), Verdict::Taken);
        for status in [500, 503, 429] {
            assert_eq!(verdict(status), Verdict::Busy);
        }
        for status in [301, 400, 401, 404, 410] {
            assert_eq!(verdict(status), Verdict::Refused);
        }
    }
}
