//! From a request to an answer.

use std::time::Duration;

use billing::Bill;
use contracts::{
    identity::types::Principal,
    llm::{
        provider,
        types::{Completion, Error, Served, StopReason},
    },
};
use futures::future::{OptionFuture, join};
use http_edge::{ApiError, Cause, Context, Reply};
use serde::Serialize;
use spin_sdk::variables;

use crate::{
    answer::Answer,
    errors,
    reply::{Chunks, Label, Message, Shape, size},
    request::Asked,
    reuse::{Looked, Wish},
    stream::Exchange,
};

/// Most bytes of an answer; a model that does not stop is stopped.
pub(crate) const MAX_REPLY: usize = 4 * 1024 * 1024;
/// How long the status of a stream waits for the model's first word, which may be an error.
const MAX_SILENCE: Duration = Duration::from_secs(5);

/// Asks the model and answers as the client wishes.
pub(crate) async fn ask(
    context: &mut Context,
    principal: &Principal,
    asked: Asked,
    shape: Shape,
    wish: Option<Wish>,
) -> Result<Reply, ApiError> {
    let prompt = asked.size();
    let Asked {
        mut request,
        is_stream,
        includes_usage,
    } = asked;
    // Two capabilities that do not need each other's answers.
    let (verdict, model) = join(billing::admit(principal), choose_model(&request.model)).await;
    access::note(context, verdict)?;
    let model = model?;
    let mut place = None;
    if let Some(wish) = wish {
        match wish.look(context, &model).await {
            Looked::Found(body) => {
                context.log.model(&model);
                return Ok(Reply::json_text(body));
            }
            Looked::Nothing(found) => place = found,
        }
    }
    let own_bound = request.max_tokens;
    let bill = Bill::open(principal, prompt, own_bound).await?;
    request.model.clone_from(&model);
    request.max_tokens = bill.max_tokens;

    let patience = is_stream.then_some(MAX_SILENCE);
    let answer = match provider::chat(request).await {
        Ok((deltas, completion)) => Answer::new(deltas, completion).begun(patience).await,
        Err(error) => Err(error),
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return Err(give_up(context, bill, error).await),
    };
    let mut label = Label::new(model.clone());
    if let Some(served) = answer.served() {
        tell(context, served);
        label.model.clone_from(&served.model);
    }
    if is_stream {
        let exchange = Exchange {
            answer,
            bill,
            chunks: Chunks::new(label, includes_usage),
        };
        return Ok(Reply::events(|body, log| exchange.run(body, log)));
    }

    let (message, completion) = match collect(answer).await {
        Ok(whole) => whole,
        // The client gets nothing, so nothing is charged.
        Err(error) => return Err(give_up(context, bill, error).await),
    };
    let usage = completion.usage;
    context
        .log
        .tokens(usage.prompt_tokens, usage.completion_tokens);
    let body = match shape {
        Shape::OpenAi => written(&message.object(&label, &completion)),
        Shape::Plain => written(&message.response()),
    }?;
    let is_typical = label.model == model
        && match completion.stop_reason {
            StopReason::End | StopReason::ToolCalls => true,
            // Not if what is left of the credits cut it short.
            StopReason::Length => bill.max_tokens == own_bound,
            StopReason::ContentFilter | StopReason::Other => false,
        };
    let place = place.filter(|_| is_typical);
    let keeping = OptionFuture::from(place.map(|place| place.keep(body.clone())));
    let settling = bill.settle(label.model, Some(&completion), 0);
    let (settled, kept) = join(settling, keeping).await;
    note(context, settled);
    note(context, kept.flatten());
    Ok(Reply::json_text(body))
}

fn written(value: &impl Serialize) -> Result<String, ApiError> {
    serde_json::to_string(value).map_err(|error| ApiError::internal(error.to_string()))
}

/// The model that is named, be it known or not; else the operator's or the first available one.
async fn choose_model(named: &str) -> Result<String, ApiError> {
    if !named.is_empty() {
        return Ok(named.to_owned());
    }
    let models = provider::models().await.map_err(failures::catalogue)?;
    let of_operator = variables::get("default_model").await.unwrap_or_default();
    model_choice::choose(&[Some(of_operator.as_str())], &models)
        .map(|model| model.id.clone())
        .ok_or_else(|| {
            ApiError::ProviderUnavailable(
                "No model is configured here.",
                None,
                Cause::new("no model available"),
            )
        })
}

/// Tells who answers.
fn tell(context: &mut Context, served: &Served) {
    context.log.model(&served.model);
    context.set_header("x-goldfish-provider", served.provider.clone());
    context.set_header("x-goldfish-model", served.model.clone());
    context.set_header("x-goldfish-attempts", served.attempts.to_string());
}

async fn collect(mut answer: Answer) -> Result<(Message, Completion), Error> {
    let mut message = Message::default();
    let mut said = 0_usize;
    while let Some(pieces) = answer.next().await {
        for piece in pieces {
            said = said.saturating_add(size(&piece));
            message.push(piece);
        }
        if said > MAX_REPLY {
            return Err(Error::Protocol("reply too long".to_owned()));
        }
    }
    Ok((message, answer.end().await?))
}

async fn give_up(context: &mut Context, bill: Bill, error: Error) -> ApiError {
    note(context, bill.release().await);
    errors::llm(error)
}

fn note(context: &mut Context, trouble: Option<String>) {
    if let Some(cause) = trouble {
        context.log.warn(&cause);
    }
}
