//! Asking until somebody has accepted the question.

use super::deadlines::Deadlines;
use super::lease::Lease;
use super::transport::{self, Body};
use super::{find, is_configured, lease};
use crate::bindings::{ChatRequest, Completion, Delta, Error, ResolvedModel};
use crate::call::Call;
use crate::catalogue::Entry;
use crate::chance::chance;
use crate::failure::Head;
use crate::providers::{Provider, anthropic, demo, local, openai, spin, workers_ai};
use crate::reply::{Decode, Reply};
use crate::routing::Limits;
use crate::routing::fallbacks::Fallbacks;
use crate::routing::plan::{Next, Plan};
use crate::secret::Secret;
use crate::values::Values;
use spin_sdk::time::sleep;
use std::borrow::Cow;
use std::sync::OnceLock;
use std::time::Instant;

/// One question, whoever is asked in the end.
pub(super) struct Attempts {
    request: ChatRequest,
    values: &'static Values,
    limits: Limits,
    plan: Plan,
    /// The model that is asked now.
    entry: Cow<'static, Entry>,
    /// Those to ask after it, the next one last.
    stand_ins: Vec<String>,
    /// What became of the model asked for.
    error: Option<Error>,
}

/// A question that was accepted.
pub(super) enum Accepted {
    /// The answer comes over the network.
    Told(Box<Answer>),
    /// The answer is known already.
    Known(ResolvedModel, Vec<Delta>, Completion),
}

/// An answer that is being given.
pub(super) struct Answer {
    pub(super) served: ResolvedModel,
    pub(super) body: Body,
    pub(super) reply: Reply,
    pub(super) lease: Lease,
    pub(super) deadlines: Deadlines,
}

impl Attempts {
    /// A question that has not been asked yet.
    ///
    /// # Errors
    /// `unknown-model`, or `other` when a variable cannot be read.
    pub(super) async fn new(request: ChatRequest, values: &'static Values) -> Result<Self, Error> {
        let entry = find(&request.model, values).await?;
        let stand_ins = stand_ins(&request.model, values)?;
        let limits = Limits::read(values);
        Ok(Self {
            plan: Plan::new(limits.attempts, stand_ins.len(), limits.wait),
            request,
            values,
            limits,
            entry,
            stand_ins,
            error: None,
        })
    }

    /// Asks for the first time.
    ///
    /// # Errors
    /// What became of the model asked for, when nobody accepts.
    pub(super) async fn ask(&mut self, mut now: Instant) -> Result<Accepted, Error> {
        loop {
            let made = self.plan.attempts();
            match self.attempt(now).await {
                Ok(accepted) => return Ok(accepted),
                Err(error) => {
                    let was_asked = self.plan.attempts() != made;
                    self.recover(error, was_asked).await?;
                }
            }
            now = Instant::now();
        }
    }

    /// Asks again, after an answer that was accepted has failed before it began.
    ///
    /// # Errors
    /// As [`Attempts::ask`].
    pub(super) async fn ask_again(&mut self, error: Error) -> Result<Accepted, Error> {
        self.recover(error, true).await?;
        self.ask(Instant::now()).await
    }

    /// Goes to where the next attempt is to be made.
    async fn recover(&mut self, error: Error, was_asked: bool) -> Result<(), Error> {
        let next = if was_asked {
            let has_other_key = lease::is_any_key_awake(self.entry.provider, self.values);
            self.plan.failed(&error, has_other_key, chance())
        } else {
            self.plan.refused(&error)
        };
        // What stands in fails on its own account: the answer to the question is the first failure.
        let is_first = self.entry.id == self.request.model;
        let error = match self.error.take() {
            Some(first) if !is_first => first,
            _ => error,
        };
        match next {
            Next::Here(pause) if pause.is_zero() => {}
            Next::Here(pause) => sleep(pause).await,
            Next::Elsewhere if self.go_elsewhere().await => {}
            Next::Elsewhere | Next::Never => return Err(error),
        }
        self.error = Some(error);
        Ok(())
    }

    /// Goes to the next model that there is; false if there is none.
    async fn go_elsewhere(&mut self) -> bool {
        while let Some(id) = self.stand_ins.pop() {
            match find(&id, self.values).await {
                Ok(entry) => {
                    self.entry = entry;
                    return true;
                }
                Err(unknown) if self.plan.refused(&unknown) == Next::Elsewhere => {}
                Err(_) => return false,
            }
        }
        false
    }

    async fn attempt(&mut self, now: Instant) -> Result<Accepted, Error> {
        match self.entry.provider {
            Provider::Demo => {
                let (pieces, completion) = demo::conversions::answer(&self.request)?;
                self.plan.ask();
                Ok(Accepted::Known(self.served(), pieces, completion))
            }
            Provider::Spin => {
                spin::conversions::check(&self.request)?;
                self.plan.ask();
                let (pieces, completion) = spin::client::infer(&self.entry, &self.request)?;
                Ok(Accepted::Known(self.served(), pieces, completion))
            }
            provider => {
                let (lease, key) = lease::take(provider, self.values, &self.limits, now).await?;
                let question = prepare(&self.entry, &self.request, self.values, key.as_ref())?;
                self.plan.ask();
                match self.send(question, now).await {
                    Ok((reply, body, deadlines)) => Ok(Accepted::Told(Box::new(Answer {
                        served: self.served(),
                        body,
                        reply,
                        lease,
                        deadlines,
                    }))),
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
        (call, decoder, refusal): Question,
        now: Instant,
    ) -> Result<(Reply, Body, Deadlines), Error> {
        let deadlines = Deadlines::read(self.values, now);
        let answer = transport::send(call, deadlines.connect, deadlines.first_token).await?;
        if !answer.is_event_stream() {
            let (status, retry_after, body) = answer.into_refusal().await;
            let retry_after = retry_after.as_deref();
            return Err(refusal(
                &Head {
                    status,
                    retry_after,
                },
                &body,
            ));
        }
        let estimate = demo::conversions::prompt_estimate(&self.request);
        Ok((Reply::new(decoder, estimate), answer.into_body(), deadlines))
    }

    fn served(&self) -> ResolvedModel {
        ResolvedModel {
            provider: self.entry.provider.name().to_owned(),
            model: self.entry.id.clone(),
            upstream: self.entry.upstream.clone(),
            attempts: self.plan.attempts(),
            prices: self.entry.prices,
        }
    }

    /// The operator's bounds.
    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }
}

/// Those that can be asked, the first one last. A model that nobody has listed may be the local
/// server's, which is asked only when it comes to that.
fn stand_ins(model: &str, values: &Values) -> Result<Vec<String>, Error> {
    static FALLBACKS: OnceLock<Fallbacks> = OnceLock::new();
    let fallbacks = match FALLBACKS.get() {
        Some(fallbacks) => fallbacks,
        None => {
            let fallbacks = Fallbacks::new(values.get("model_fallbacks"))?;
            FALLBACKS.get_or_init(|| fallbacks)
        }
    };
    let mut ids = fallbacks.of(model);
    if !ids.is_empty() {
        let listed = super::configured_catalogue(values)?;
        ids.retain(|id| {
            let provider = listed
                .find(id)
                .map_or(Provider::Local, |entry| entry.provider);
            is_configured(provider, values)
        });
        ids.reverse();
    }
    Ok(ids)
}

/// How a provider's refusal is understood.
type Refusal = fn(&Head<'_>, &[u8]) -> Error;

/// What to send, and how to understand what comes back.
type Question = (Call, Box<dyn Decode>, Refusal);

fn prepare(
    entry: &Entry,
    request: &ChatRequest,
    values: &Values,
    key: Option<&Secret>,
) -> Result<Question, Error> {
    let needed = || key.ok_or(Error::NotConfigured);
    match entry.provider {
        Provider::OpenAi => {
            let config = openai::config::Config::read(values).ok_or(Error::NotConfigured)?;
            Ok((
                openai::client::chat(&config, needed()?, entry, request)?,
                Box::new(openai::conversions::Decoder::default()),
                openai::conversions::error,
            ))
        }
        Provider::Local => {
            let config = local::config::Config::read(values).ok_or(Error::NotConfigured)?;
            Ok((
                local::client::chat(&config, key, entry, request)?,
                Box::new(openai::conversions::Decoder::default()),
                openai::conversions::error,
            ))
        }
        Provider::Anthropic => {
            let config = anthropic::config::Config::read(values).ok_or(Error::NotConfigured)?;
            Ok((
                anthropic::client::chat(&config, needed()?, entry, request)?,
                Box::new(anthropic::conversions::Decoder::default()),
                anthropic::conversions::error,
            ))
        }
        Provider::WorkersAi => {
            let config = workers_ai::config::Config::read(values).ok_or(Error::NotConfigured)?;
            Ok((
                workers_ai::client::chat(&config, needed()?, entry, request)?,
                Box::new(workers_ai::conversions::Decoder::new(entry, request)),
                workers_ai::conversions::error,
            ))
        }
        Provider::Spin | Provider::Demo => Err(Error::NotConfigured),
    }
}
