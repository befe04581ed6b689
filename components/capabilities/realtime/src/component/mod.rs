//! The exports.

mod transport;

use std::time::Duration;

use spin_sdk::time::sleep;
use spin_sdk::variables;

use crate::bindings::exports::goldfish::realtime::proxy::{Error, Guest, Item};
use crate::{publication, signature};

/// The delays before each repetition of a request.
const RETRY_DELAYS: [Duration; 3] = [
    Duration::from_millis(50),
    Duration::from_millis(250),
    Duration::from_secs(1),
];

struct Component;

mod export {
    #![allow(unsafe_code, unreachable_pub, reason = "generated")]
    use super::Component;
    crate::bindings::export!(Component with_types_in crate::bindings);
}

impl Guest for Component {
    async fn is_configured() -> bool {
        !publication::publish_urls(&variable("grip_control_url").await).is_empty()
    }

    async fn publish(items: Vec<Item>) -> Result<(), Error> {
        let urls = publication::publish_urls(&variable("grip_control_url").await);
        if urls.is_empty() {
            return Err(Error::NotConfigured);
        }
        let token = variable("grip_control_token").await;
        for body in publication::bodies(&items) {
            for url in &urls {
                post(url, &token, &body).await?;
            }
        }
        Ok(())
    }

    async fn is_signature_valid(value: String) -> bool {
        let now = unix_time::now_seconds();
        signature::is_valid(&variable("grip_key").await, &value, now)
    }

    async fn sign(text: String) -> Result<String, String> {
        signature::sign(&variable("grip_key").await, &text)
            .ok_or_else(|| "grip_key is not set".to_owned())
    }
}

async fn post(url: &str, token: &str, body: &str) -> Result<(), Error> {
    let mut delays = RETRY_DELAYS.into_iter();
    loop {
        let text = match transport::attempt(url, token, body).await {
            transport::Outcome::Accepted => return Ok(()),
            transport::Outcome::Refused(text) => return Err(Error::Unavailable(text)),
            transport::Outcome::RetryLater(text) => text,
        };
        match delays.next() {
            Some(delay) => sleep(delay).await,
            None => return Err(Error::Unavailable(text)),
        }
    }
}

/// The value of a variable. Empty if it is not defined.
async fn variable(name: &str) -> String {
    variables::get(name).await.unwrap_or_default()
}
