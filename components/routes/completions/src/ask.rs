//! From a request to an answer.

use std::time::Duration;

use billing::Bill;
use contracts::{
    identity::types::Principal,
    llm::{
        provider,
        types::{Error, Served},
    },
};
use futures::future::join;
use http_edge::{ApiError, Cause, Context, Reply};
use spin_sdk::variables;

use crate::{
    answer::Answer,
    errors,
    reply::{Chunks, Label, Message, Shape},
    request::Asked,
    screened::{self, Ending, Screened, Screens},
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
    mut asked: Asked,
    shape: Shape,
) -> Result<Reply, ApiError> {
    // Two capabilities that do not need each other's answers.
    let named = &asked.request.model;
    let (verdict, model) = join(billing::admit(principal), choose_model(named)).await;
    access::note(context, verdict)?;
    let model = model?;
    screened::check(&mut asked.request).await?;
    let screens = Screens::open().await?;
    let prompt = asked.size();
    let Asked {
        mut request,
        is_stream,
        includes_usage,
    } = asked;
    let bill = Bill::open(principal, prompt, request.max_tokens).await?;
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
    let mut label = Label::new(model);
    if let Some(served) = answer.served() {
        tell(context, served);
        label.model.clone_from(&served.model);
    }
    let answer = Screened::new(answer, screens);
    if is_stream {
        let exchange = Exchange {
            answer,
            bill,
            chunks: Chunks::new(label, includes_usage),
        };
        return Ok(Reply::events(|body, log| exchange.run(body, log)));
    }

    let (message, said, ending) = collect(answer).await;
    let (completion, blocked) = match ending {
        Ending::Complete(completion) => (Some(completion), None),
        Ending::Blocked(error) => (None, Some(error)),
        // The client gets nothing, so nothing is charged.
        Ending::Broken(error) => {
            note(context, bill.release().await);
            return Err(error);
        }
    };
    let usage = bill.used(completion.as_ref(), said);
    context
        .log
        .tokens(usage.prompt_tokens, usage.completion_tokens);
    let model = label.model.clone();
    let settled = bill.settle(model, completion.as_ref(), said).await;
    note(context, settled);
    match (shape, blocked) {
        (Shape::OpenAi, _) => {
            let completion = completion.unwrap_or(screened::filtered(usage));
            Ok(Reply::json(&message.object(&label, &completion)))
        }
        (Shape::Plain, None) => Ok(Reply::json(&message.response())),
        (Shape::Plain, Some(error)) => Err(error),
    }
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

/// What a model answers, how much it said, and how that ended.
async fn collect(mut answer: Screened) -> (Message, usize, Ending) {
    let mut message = Message::default();
    while let Some(pieces) = answer.next().await {
        pieces.into_iter().for_each(|piece| message.push(piece));
        if answer.said() > MAX_REPLY {
            let error = Error::Protocol("reply too long".to_owned());
            return (message, answer.said(), Ending::Broken(errors::llm(error)));
        }
    }
    let said = answer.said();
    (message, said, answer.end().await)
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
