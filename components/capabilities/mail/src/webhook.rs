//! The requests to the webhook.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use serde::Serialize;
use sha2::Sha256;
use url::Url;

use crate::{Message, Template};

/// The prefix of secrets in the form of Standard Webhooks. Base64 follows.
const SECRET_PREFIX: &str = "whsec_";

/// The webhook's URL and secret. Has no `Debug`, so that the secret is not printed by accident.
pub(crate) struct Webhook {
    pub(crate) url: String,
    /// The key of the signatures, if requests are signed.
    key: Option<Vec<u8>>,
}

/// One request, the same for every attempt.
pub(crate) struct WebhookRequest {
    /// By which the receiver recognises a repeated request.
    pub(crate) id: String,
    /// Seconds since the epoch.
    pub(crate) timestamp: u64,
    pub(crate) body: String,
    pub(crate) signature: Option<String>,
}

/// The result of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    Accepted,
    /// It may succeed if retried.
    RetryLater,
    Refused,
}

/// The request body.
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
    /// The webhook of the settings. None without a URL.
    ///
    /// # Errors
    /// Which setting is invalid, for the log.
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

    /// The request that sends a message. `now` is in seconds. None only if the message cannot be
    /// serialized.
    pub(crate) fn request(
        &self,
        message: &Message,
        id: String,
        now: u64,
    ) -> Option<WebhookRequest> {
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
        Some(WebhookRequest {
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

/// The result that a status means.
pub(crate) fn delivery(status: u16) -> Delivery {
    match status {
        200..=299 => Delivery::Accepted,
        408 | 429 | 500.. => Delivery::RetryLater,
        _ => Delivery::Refused,
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
    fn sign_of_specification_example_is_equal() {
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
    fn request_contains_all_fields_of_message() {
        let webhook = Webhook::new(" https://mailer.example/hook ", "plain secret");
        let webhook = webhook.unwrap().unwrap();
        assert_eq!(webhook.url, "https://mailer.example/hook");
        let request = webhook.request(&message(), "msg_1".to_owned(), 7).unwrap();
        assert_eq!(
            request.body,
            r#"{"template":"verify-email","to":"ada@example.com","name":null,"url":"https://x/verify?token=t","token":"t","expiresAt":1800000000000}"#
        );
        assert_eq!((request.id.as_str(), request.timestamp), ("msg_1", 7));
        let expected = sign(b"plain secret", "msg_1", 7, &request.body);
        assert_eq!(request.signature, expected);
    }

    #[test]
    fn request_without_secret_is_unsigned() {
        let webhook = Webhook::new("http://localhost:8025", "").unwrap().unwrap();
        let request = webhook.request(&message(), "msg_1".to_owned(), 7).unwrap();
        assert_eq!(request.signature, None);
    }

    #[test]
    fn new_with_invalid_settings_fails() {
        assert!(matches!(Webhook::new(" ", "secret"), Ok(None)));
        assert!(Webhook::new("mailer", "").is_err());
        assert!(Webhook::new("ftp://mailer", "").is_err());
        assert!(Webhook::new("https://mailer", "whsec_?").is_err());
    }

    #[test]
    fn delivery_of_client_error_is_not_retried() {
        assert_eq!(delivery(204), Delivery::Accepted);
        for status in [500, 503, 429] {
            assert_eq!(delivery(status), Delivery::RetryLater);
        }
        for status in [301, 400, 401, 404, 410] {
            assert_eq!(delivery(status), Delivery::Refused);
        }
    }
}
