use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::service::{Call, Service, ServiceResponse};

/// The receiver of mail: an operator's webhook. Derefs to [`Service`] for its calls and failures;
/// calls that were made to fail are among the calls and not among the messages.
pub struct Mailbox {
    service: Service,
}

impl std::ops::Deref for Mailbox {
    type Target = Service;

    fn deref(&self) -> &Service {
        &self.service
    }
}

impl Mailbox {
    /// Takes every message.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> std::io::Result<Self> {
        let service = Service::start(|call| {
            if call.method == "POST" && call.path == "/mail" {
                ServiceResponse::json(200, &json!({}))
            } else {
                ServiceResponse::json(404, &json!({}))
            }
        })
        .await?;
        Ok(Self { service })
    }

    /// For `mail_webhook_url`.
    pub fn webhook_url(&self) -> String {
        format!("{}/mail", self.url())
    }

    /// The calls with messages to this address, the last attempt of each, oldest first.
    pub fn messages_to(&self, address: &str) -> Vec<Call> {
        let mut messages: Vec<Call> = Vec::new();
        for call in self.calls("/mail") {
            if !is_to(&call, address) {
                continue;
            }
            let id = call.header("webhook-id").map(str::to_owned);
            messages.retain(|earlier| earlier.header("webhook-id") != id.as_deref());
            messages.push(call);
        }
        messages
    }

    /// Waits up to ten seconds for a message of this template to this address, and gives the
    /// newest one's body.
    ///
    /// # Panics
    /// When it does not come.
    pub async fn message(&self, address: &str, template: &str) -> Value {
        self.wait(&format!("mail: {template}"), |calls| {
            let of_template = |call: &&Call| {
                is_to(call, address)
                    && call.json().get("template").and_then(Value::as_str) == Some(template)
            };
            calls.iter().rev().find(of_template).map(Call::json)
        })
        .await
    }

    /// Whether a call has the signature (Standard Webhooks) of this secret, `whsec_…` or plain.
    pub fn is_signed(call: &Call, secret: &str) -> bool {
        let key = match secret.strip_prefix("whsec_") {
            Some(encoded) => STANDARD.decode(encoded).unwrap_or_default(),
            None => secret.as_bytes().to_vec(),
        };
        let header = |name: &str| call.header(name).unwrap_or_default();
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else {
            return false;
        };
        let head = format!("{}.{}.", header("webhook-id"), header("webhook-timestamp"));
        mac.update(head.as_bytes());
        mac.update(&call.body);
        let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        let mut signatures = header("webhook-signature").split(' ');
        signatures.any(|signature| signature == expected)
    }
}

fn is_to(call: &Call, address: &str) -> bool {
    call.json().get("to").and_then(Value::as_str) == Some(address)
}
