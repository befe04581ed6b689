//! Counting the tokens of a prompt.

use super::deadlines::Deadlines;
use super::{lease, models, transport};
use crate::bindings::{ChatRequest, Error};
use crate::failure::{ErrorContext, Failure};
use crate::json::{count_in, parse};
use crate::providers::{Provider, anthropic};
use crate::request::{native, tokens_at_most};
use crate::routing::Limits;
use crate::variables::Variables;
use std::sync::Arc;
use std::time::Instant;

/// The count of the model's provider, where it has one, or an estimate that is never too low.
///
/// # Errors
/// As the contract's `count-tokens`.
pub(super) async fn count(request: ChatRequest, variables: &Variables) -> Result<u32, Error> {
    let now = Instant::now();
    let entry = models::find(&request.model, variables).await?;
    let not_configured = || Error::NotConfigured(entry.provider.variable().to_owned());
    if !models::is_configured(entry.provider, variables) {
        return Err(not_configured());
    }
    let Some(native) = native(&request, &entry).filter(|_| entry.provider == Provider::Anthropic)
    else {
        return Ok(tokens_at_most(&request));
    };
    let config = anthropic::config::Config::read(variables).ok_or_else(not_configured)?;
    let limits = Limits::read(variables);
    let (mut lease, key) = lease::take(entry.provider, variables, &limits, now).await?;
    let key = key.ok_or_else(not_configured)?;
    let outbound = anthropic::request::count_tokens(&config, &key, &entry, native)?;
    let deadlines = Deadlines::read(variables, now);
    let context = ErrorContext {
        provider: entry.provider,
        request: Arc::new(request),
    };
    let counted = async {
        let body = transport::send_for_whole(outbound, &deadlines, &context).await?;
        parse(&String::from_utf8_lossy(&body))
            .and_then(|parsed| count_in(&parsed.value, "input_tokens"))
            .ok_or_else(|| context.error(&Failure::Protocol("the response has no count")))
    };
    match counted.await {
        Ok(tokens) => {
            lease.succeeded();
            Ok(tokens)
        }
        Err(error) => {
            lease.failed(&error, &limits);
            Err(error)
        }
    }
}
