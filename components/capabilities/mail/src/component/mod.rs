//! The exports.

mod transport;

use std::sync::OnceLock;
use std::time::Duration;

use spin_sdk::time::sleep;
use spin_sdk::variables;
use uuid::Uuid;

use crate::Message;
use crate::bindings::exports::goldfish::mail::sender::{Error, Guest};
use crate::webhook::{Delivery, Webhook};

/// The delays before each retry.
const RETRY_DELAYS: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];

struct Component;

mod export {
    #![allow(unsafe_code, unreachable_pub, reason = "generated")]
    use super::Component;
    crate::bindings::export!(Component with_types_in crate::bindings);
}

impl Guest for Component {
    async fn is_configured() -> bool {
        matches!(webhook().await, Ok(Some(_)))
    }

    async fn send(message: Message) -> Result<(), Error> {
        let webhook = webhook().await?.ok_or(Error::NotConfigured)?;
        let id = format!("msg_{}", Uuid::new_v4().simple());
        let now = unix_time::now_seconds();
        let request = webhook.request(&message, id, now);
        let request = request.ok_or_else(|| unavailable("the message cannot be written"))?;
        let mut delays = RETRY_DELAYS.into_iter();
        loop {
            let text = match transport::attempt(&webhook.url, &request).await {
                (Delivery::Accepted, _) => return Ok(()),
                (Delivery::Refused, text) => return Err(Error::Unavailable(text)),
                (Delivery::RetryLater, text) => text,
            };
            match delays.next() {
                Some(delay) => sleep(delay).await,
                None => return Err(Error::Unavailable(text)),
            }
        }
    }
}

/// The webhook of the variables, read once per instance.
async fn webhook() -> Result<Option<&'static Webhook>, Error> {
    static WEBHOOK: OnceLock<Option<Webhook>> = OnceLock::new();
    if WEBHOOK.get().is_none() {
        let url = variable("mail_webhook_url").await?;
        let secret = variable("mail_webhook_secret").await?;
        let webhook = Webhook::new(&url, &secret).map_err(unavailable)?;
        // A concurrent request has read the same values.
        let _ = WEBHOOK.set(webhook);
    }
    Ok(WEBHOOK.get().and_then(Option::as_ref))
}

/// The value of a variable. Empty if it is not defined.
async fn variable(name: &str) -> Result<String, Error> {
    match variables::get(name).await {
        Ok(value) => Ok(value),
        Err(variables::Error::Undefined(_)) => Ok(String::new()),
        Err(_) => Err(unavailable("the settings of mail cannot be read")),
    }
}

fn unavailable(text: &str) -> Error {
    Error::Unavailable(text.to_owned())
}
