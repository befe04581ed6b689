//! Answering a question. It runs after the response to the message that asks.

use std::{
    cell::{Cell, RefCell},
    pin::{Pin, pin},
    rc::Rc,
    time::Duration,
};

use completion::{
    Keep, Moderation, Payer, RelayEnd, Relayed, Reply, Reservation, Silence, Sink, Source, Stop,
    choose_model, prompt_bytes, relay, text_of,
};
use contracts::{
    identity::types::{Principal, Scope},
    llm::{
        provider,
        types::{ChatRequest, Delta},
    },
    messaging::{
        messages::{self, Position},
        types::{Actor, Error, Message},
    },
};
use futures::future::{Either, join, select};
use http_edge::{ApiError, BackgroundLog, Cause};
use spin_sdk::{time::sleep, variables, wasip3::wit_bindgen::spawn};

use super::{ASSISTANT, Assistant, MAX_CONTENT, answer_to, preview, prompt};

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(120);
/// How often the thread is asked whether the answer is still wanted.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// Tokens of an answer.
const MAX_TOKENS: u32 = 2_048;

/// A message that mentions the AI member.
pub(crate) struct Question {
    pub(crate) assistant: Assistant,
    pub(crate) principal: Principal,
    pub(crate) message: Message,
}

/// How an answer ended without an error.
enum Answer {
    Text(String),
    /// It was stopped, or the question was deleted.
    Unwanted,
}

impl Question {
    /// Answers after the response. An API key needs the scope `chat`; without it the mention is text.
    pub(crate) fn answer_in_background(self, log: BackgroundLog) {
        if access::require_scope(&self.principal, Scope::Chat).is_err() {
            return;
        }
        spawn(async move {
            if let Err(error) = self.answer().await {
                log.failed(&error);
            }
        });
    }

    /// Posts the answer, or why there is none: nobody waits for the response of a request.
    async fn answer(self) -> Result<(), ApiError> {
        let (text, failure) = match self.generate().await {
            Ok(Answer::Text(text)) => (text, None),
            Ok(Answer::Unwanted) => return Ok(()),
            Err(error) => {
                let why = error.public().sentence;
                (format!("I cannot answer: {why}"), Some(error))
            }
        };
        self.post(&text).await.map_err(error_mapping::messaging)?;
        realtime_events::publish_pending().await?;
        failure.map_or(Ok(()), Err)
    }

    async fn post(&self, text: &str) -> Result<(), Error> {
        self.assistant.ensure_profile().await?;
        let answer = answer_to(&self.message, text);
        messages::post(self.principal.user.id.clone(), answer).await?;
        Ok(())
    }

    async fn generate(&self) -> Result<Answer, ApiError> {
        let (_, admitted) = access::rate_limit(completion::admit(&self.principal).await);
        admitted?;
        let catalogue = provider::models().await.map_err(error_mapping::catalogue)?;
        let model = choose_model(&[], &catalogue).await?;
        let moderation = Moderation::open(Keep::Text).await?;
        let system_prompt = variables::get("system_prompt").await.unwrap_or_default();
        let context = self.context().await.map_err(error_mapping::messaging)?;
        let messages = prompt::prompt(&self.assistant.name, &system_prompt, &context);
        let payer = Payer::from(&self.principal);
        let reservation =
            Reservation::open(payer, prompt_bytes(&messages), Some(MAX_TOKENS)).await?;
        let request = ChatRequest {
            model: model.clone(),
            messages,
            temperature: None,
            max_tokens: reservation.max_tokens,
            options: None,
            native: None,
        };
        let is_unwanted = Rc::new(Cell::new(false));
        let mut collector = Collector::new(Rc::clone(&is_unwanted));
        let text = Rc::clone(&collector.text);
        let asking = ask(request, moderation, &mut collector);
        let meanwhile = join(
            self.watch(&is_unwanted),
            preview::publish(&self.message, &self.principal.user.id, &text),
        );
        let relayed = match select(pin!(asking), pin!(meanwhile)).await {
            Either::Left((relayed, _)) => relayed,
            Either::Right((_, asking)) => asking.await,
        };
        let settled = reservation.settle(&model, &relayed).await;
        let answer = collector.answer(relayed.end)?;
        settled.map_err(ApiError::internal)?;
        Ok(answer)
    }

    /// The last messages of the thread up to the question.
    async fn context(&self) -> Result<Vec<Message>, Error> {
        let position = Position::Before(self.message.number.saturating_add(1));
        let thread = self.message.thread_id.clone();
        let history = messages::list(self.actor(), thread, position, prompt::CONTEXT_MESSAGES);
        Ok(history.await?.messages)
    }

    /// Returns when the answer is no longer wanted, and says so in `is_unwanted`.
    async fn watch(&self, is_unwanted: &Cell<bool>) {
        loop {
            sleep(CHECK_INTERVAL).await;
            // If the store fails now, the answer may be posted later all the same.
            if let Ok(false) = self.is_wanted().await {
                is_unwanted.set(true);
                return;
            }
        }
    }

    /// Whether the question is still there and has no answer yet.
    async fn is_wanted(&self) -> Result<bool, Error> {
        let question = messages::get(self.actor(), self.message.id.clone()).await?;
        if question.deleted {
            return Ok(false);
        }
        let position = Position::After(self.message.number);
        let later = messages::list(self.actor(), question.thread_id, position, 100).await?;
        let is_answer = |message: &Message| {
            message.reply_to.as_ref() == Some(&self.message.id)
                && message
                    .sender
                    .as_ref()
                    .is_some_and(|sender| sender.id == ASSISTANT)
        };
        Ok(!later.messages.iter().any(is_answer))
    }

    fn actor(&self) -> Actor {
        Actor::User(self.principal.user.id.clone())
    }
}

/// Collects the text of an answer until it is unwanted, too long or late.
struct Collector {
    /// What has passed the moderation so far.
    text: Rc<RefCell<String>>,
    is_unwanted: Rc<Cell<bool>>,
    timeout: Pin<Box<dyn Future<Output = ()>>>,
}

impl Collector {
    fn new(is_unwanted: Rc<Cell<bool>>) -> Self {
        Self {
            text: Rc::default(),
            is_unwanted,
            timeout: Box::pin(sleep(TIMEOUT)),
        }
    }

    /// Returns when the answer is not to go on.
    async fn end(&mut self) {
        let is_unwanted = Rc::clone(&self.is_unwanted);
        let unwanted = async {
            while !is_unwanted.get() {
                sleep(CHECK_INTERVAL).await;
            }
        };
        select(self.timeout.as_mut(), pin!(unwanted)).await;
    }

    fn answer(self, end: RelayEnd) -> Result<Answer, ApiError> {
        let text = self.text.take();
        match end {
            RelayEnd::Complete(_) | RelayEnd::TooLong if !text.trim().is_empty() => {
                Ok(Answer::Text(text))
            }
            RelayEnd::Complete(_) => Err(ApiError::ProviderFailed(
                "The AI provider sent an empty reply.",
                Cause::new("empty reply"),
            )),
            RelayEnd::TooLong => Err(RelayEnd::too_long()),
            RelayEnd::Blocked(error) => Err(error),
            RelayEnd::Cancelled if self.is_unwanted.get() => Ok(Answer::Unwanted),
            RelayEnd::Cancelled => Err(ApiError::ProviderTimeout(Cause::new(
                "the reply took too long",
            ))),
            RelayEnd::Failed(error) => Err(error_mapping::llm(error)),
        }
    }
}

impl Sink for Collector {
    async fn send(&mut self, deltas: Vec<Delta>) -> Result<(), Stop> {
        let mut text = self.text.borrow_mut();
        text.extend(deltas.iter().filter_map(text_of));
        if self.is_unwanted.get() {
            return Err(Stop::Cancelled);
        }
        // As many bytes are at least as many characters as are posted.
        if text.len() > 4 * MAX_CONTENT {
            return Err(Stop::TooLong);
        }
        Ok(())
    }

    async fn silence(&mut self) -> Silence {
        self.end().await;
        Silence::Stop(Stop::Cancelled)
    }
}

async fn ask(request: ChatRequest, moderation: Moderation, collector: &mut Collector) -> Relayed {
    let source = {
        let asking = pin!(Source::request(request, Keep::Text));
        match select(asking, pin!(collector.end())).await {
            Either::Left((source, _)) => source,
            Either::Right(_) => return Relayed::cancelled(),
        }
    };
    match source {
        Ok(source) => relay(Reply::new(source, moderation), collector).await,
        Err(error) => Relayed::failed(error),
    }
}
