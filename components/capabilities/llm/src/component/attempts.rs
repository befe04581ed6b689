//! Sending a request until a provider accepts it.

use super::deadlines::Deadlines;
use super::lease::{self, Lease};
use super::requests::{Prepared, prepare};
use super::transport::{self, Body};
use super::{log, models};
use crate::bindings::{ChatRequest, Completion, Delta, Error, ResolvedModel};
use crate::catalogue::Entry;
use crate::failure::{ErrorContext, Head};
use crate::providers::{Provider, demo, spin};
use crate::random::random;
use crate::reply::{Expectation, Reply};
use crate::request::Omitted;
use crate::routing::Limits;
use crate::routing::fallbacks::Fallbacks;
use crate::routing::retry::{Next, RetryPlan};
use crate::variables::Variables;
use spin_sdk::time::sleep;
use std::borrow::Cow;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// The attempts of one request.
pub(super) struct Attempts {
    request: Arc<ChatRequest>,
    variables: &'static Variables,
    limits: Limits,
    plan: RetryPlan,
    /// The model of the next attempt.
    entry: Cow<'static, Entry>,
    /// The fallbacks after it, the next one last.
    fallbacks: Vec<String>,
    /// The error of the requested model.
    error: Option<Error>,
}

/// An accepted request.
pub(super) enum Accepted {
    /// The reply arrives over the network.
    Streaming(Box<Streaming>),
    /// The reply is there.
    Whole(Box<Whole>),
}

/// A reply that is there.
pub(super) struct Whole {
    pub(super) resolved: ResolvedModel,
    pub(super) deltas: Vec<Delta>,
    /// Between two deltas.
    pub(super) interval: Duration,
    pub(super) end: Result<Completion, Error>,
}

/// The interval between the deltas of a reply that was there at once.
const WHOLE_REPLY_INTERVAL: Duration = Duration::from_millis(4);

/// A reply that arrives over the network.
pub(super) struct Streaming {
    pub(super) resolved: ResolvedModel,
    pub(super) body: Body,
    pub(super) reply: Reply,
    pub(super) lease: Lease,
    pub(super) deadlines: Deadlines,
    pub(super) context: ErrorContext,
}

impl Attempts {
    /// The attempts of a request; none was made yet.
    ///
    /// # Errors
    /// `unknown-model`, or `misconfigured` if a variable is invalid.
    pub(super) async fn new(
        request: ChatRequest,
        variables: &'static Variables,
    ) -> Result<Self, Error> {
        let entry = models::find(&request.model, variables).await?;
        let fallbacks = fallbacks(&request.model, variables)?;
        let limits = Limits::read(variables);
        Ok(Self {
            plan: RetryPlan::new(limits.attempts, fallbacks.len(), limits.wait),
            request: Arc::new(request),
            variables,
            limits,
            entry,
            fallbacks,
            error: None,
        })
    }

    /// Makes attempts from the first one on.
    ///
    /// # Errors
    /// The error of the requested model, if no provider accepts.
    pub(super) async fn first(&mut self, mut now: Instant) -> Result<Accepted, Error> {
        loop {
            let made = self.plan.attempts();
            match self.attempt(now).await {
                Ok(accepted) => return Ok(accepted),
                Err(error) => {
                    let was_sent = self.plan.attempts() != made;
                    self.recover(error, was_sent).await?;
                }
            }
            now = Instant::now();
        }
    }

    /// Makes further attempts, after an accepted request failed before its first delta.
    ///
    /// # Errors
    /// As [`Attempts::first`].
    pub(super) async fn again(&mut self, error: Error) -> Result<Accepted, Error> {
        self.recover(error, true).await?;
        self.first(Instant::now()).await
    }

    /// Waits for the next attempt, at the same model or the next fallback.
    async fn recover(&mut self, error: Error, was_sent: bool) -> Result<(), Error> {
        let next = if was_sent {
            let has_other_key = lease::is_any_key_awake(self.entry.provider, self.variables);
            self.plan.failed(&error, has_other_key, random())
        } else {
            self.plan.not_sent(&error)
        };
        let failed = self.entry.clone();
        let is_last = match next {
            Next::SameModel(pause) if pause.is_zero() => false,
            Next::SameModel(pause) => {
                sleep(pause).await;
                false
            }
            Next::Fallback => !self.next_fallback().await,
            Next::GiveUp => true,
        };
        let is_requested = failed.id == self.request.model;
        if !is_last || !is_requested {
            log::failed_attempt(&failed, self.plan.attempts(), &error);
        }
        // The caller learns why the requested model failed, not why its fallbacks did.
        let error = match self.error.take() {
            Some(first) if !is_requested => first,
            _ => error,
        };
        if is_last {
            return Err(error);
        }
        self.error = Some(error);
        Ok(())
    }

    /// Chooses the next fallback; false if there is none.
    async fn next_fallback(&mut self) -> bool {
        while let Some(id) = self.fallbacks.pop() {
            match models::find(&id, self.variables).await {
                Ok(entry) => {
                    self.entry = entry;
                    return true;
                }
                Err(unknown) if self.plan.not_sent(&unknown) == Next::Fallback => {}
                Err(_) => return false,
            }
        }
        false
    }

    async fn attempt(&mut self, now: Instant) -> Result<Accepted, Error> {
        match self.entry.provider {
            Provider::Demo => {
                let reply = demo::responder::reply(&self.request)?;
                self.plan.begin_attempt();
                let resolved = self.resolved(reply.omitted, false);
                Ok(Accepted::Whole(Box::new(Whole {
                    resolved,
                    deltas: reply.deltas,
                    interval: reply.interval,
                    end: reply.end,
                })))
            }
            Provider::Spin => {
                self.plan.begin_attempt();
                let (deltas, completion, omitted) =
                    spin::inference::infer(&self.entry, &self.request)?;
                Ok(Accepted::Whole(Box::new(Whole {
                    resolved: self.resolved(omitted, false),
                    deltas,
                    interval: WHOLE_REPLY_INTERVAL,
                    end: Ok(completion),
                })))
            }
            provider => {
                let (lease, key) = lease::take(provider, self.variables, &self.limits, now).await?;
                let prepared = prepare(&self.entry, &self.request, self.variables, key.as_ref())?;
                self.plan.begin_attempt();
                match self.send(prepared, now).await {
                    Ok((resolved, reply, body, deadlines)) => {
                        Ok(Accepted::Streaming(Box::new(Streaming {
                            resolved,
                            body,
                            reply,
                            lease,
                            deadlines,
                            context: self.context(),
                        })))
                    }
                    Err(error) => {
                        lease.failed(&error, &self.limits);
                        Err(error)
                    }
                }
            }
        }
    }

    async fn send(
        &self,
        prepared: Prepared,
        now: Instant,
    ) -> Result<(ResolvedModel, Reply, Body, Deadlines), Error> {
        let deadlines = Deadlines::read(self.variables, now);
        let context = self.context();
        let response = transport::send(prepared.request, deadlines.connect, deadlines.first_token)
            .await
            .map_err(|failure| context.error(&failure))?;
        if !response.is_success() {
            let (status, retry_after, body) = response.into_error().await;
            let head = Head {
                status: Some(status),
                retry_after: retry_after.as_deref(),
            };
            return Err(context.response(&head, &body));
        }
        let most = self.entry.max_output_tokens.unwrap_or(u32::MAX);
        let expectation = Expectation {
            prompt_estimate: self.request.prompt_estimate(),
            // The client's own request has its limit, and a stream that we cut would lack its end.
            max_tokens: (self.request.max_tokens)
                .filter(|_| !prepared.is_native)
                .map(|tokens| tokens.min(most)),
            includes_extra: self.request.options().include_extra,
            is_native: prepared.is_native,
        };
        let reply = Reply::new(prepared.decoder, expectation);
        let resolved = self.resolved(prepared.omitted, prepared.is_native);
        Ok((resolved, reply, response.into_body(), deadlines))
    }

    fn context(&self) -> ErrorContext {
        ErrorContext {
            provider: self.entry.provider,
            request: Arc::clone(&self.request),
        }
    }

    fn resolved(&self, omitted: Omitted, is_native: bool) -> ResolvedModel {
        ResolvedModel {
            provider: self.entry.provider.name().to_owned(),
            model: self.entry.id.clone(),
            upstream: self.entry.upstream.clone(),
            attempts: self.plan.attempts(),
            prices: self.entry.prices,
            omitted_parameters: omitted.into_names(),
            is_native,
        }
    }

    /// The operator's limits.
    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }
}

/// The fallbacks whose providers are configured, the first one last.
fn fallbacks(model: &str, variables: &Variables) -> Result<Vec<String>, Error> {
    static FALLBACKS: OnceLock<Fallbacks> = OnceLock::new();
    let fallbacks = match FALLBACKS.get() {
        Some(fallbacks) => fallbacks,
        None => {
            let fallbacks = Fallbacks::new(variables.get("model_fallbacks"))?;
            FALLBACKS.get_or_init(|| fallbacks)
        }
    };
    let mut usable = Vec::new();
    for id in fallbacks.of(model).into_iter().rev() {
        if models::is_configured(models::provider(&id, variables)?, variables) {
            usable.push(id);
        }
    }
    Ok(usable)
}
