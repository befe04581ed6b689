//! From a request to an answer.

use std::time::Duration;

use billing::{Bill, Payer};
use contracts::{
    identity::types::Principal,
    llm::{
        provider,
        types::{Completion, Error, FinishReason},
    },
};
use futures::future::{OptionFuture, join};
use http_edge::{ApiError, Cause, Context, Response};
use spin_sdk::variables;

use crate::{
    answer::Answer,
    errors,
    reply::{Chunks, Label, Message, Shape},
    request::Asked,
    reuse::{Looked, Wish},
    screened::{self, Ending, Heard, Screened, Screens},
    stream::Exchange,
};

/// Most bytes of an answer; a model that does not stop is stopped.
pub(crate) const MAX_REPLY: usize = 4 * 1024 * 1024;
const JSON: &str = "application/json";
/// How long the status of a stream waits for the model's first word, which may be an error.
const MAX_SILENCE: Duration = Duration::from_secs(5);

/// Asks the model and answers as the client wishes.
pub(crate) async fn ask(
    context: &mut Context,
    principal: &Principal,
    mut asked: Asked,
    shape: Shape,
    wish: Option<Wish>,
) -> Result<Response, ApiError> {
    // Two capabilities that do not need each other's answers.
    let named = &asked.request.model;
    let (verdict, model) = join(billing::admit(principal), choose_model(named)).await;
    access::apply_rate_limit(context, verdict)?;
    let model = model?;
    screened::check(&mut asked.request).await?;
    let screens = Screens::open().await?;
    let prompt = asked.size();
    let Asked {
        mut request,
        is_stream,
        includes_usage,
    } = asked;
    let mut place = None;
    if let Some(wish) = wish {
        match wish.look(context, &model).await {
            Looked::Found(body) => {
                context.log.model(&model);
                return Ok(Response::bytes(JSON, body.into_bytes()));
            }
            Looked::Nothing(found) => place = found,
        }
    }
    let own_bound = request.max_tokens;
    let bill = Bill::open(Payer::from(principal), prompt, own_bound).await?;
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
        billing::tell(context, served);
        label.model.clone_from(&served.model);
    }
    let answer = Screened::new(answer, screens);
    if is_stream {
        let exchange = Exchange {
            answer,
            bill,
            chunks: Chunks::new(label, includes_usage),
        };
        return Ok(Response::events(|body, log| exchange.run(body, log)));
    }

    let (message, heard, ending) = collect(answer).await;
    let (completion, blocked) = match ending {
        Ending::Complete(completion) => (Some(completion), None),
        Ending::Blocked(error) => (None, Some(error)),
        // The client gets nothing, so nothing is charged.
        Ending::Broken(error) => {
            note(context, bill.release().await);
            return Err(error);
        }
    };
    let usage = bill.used(completion.as_ref(), heard.said);
    context
        .log
        .tokens(usage.prompt_tokens, usage.completion_tokens);
    let is_typical = label.model == model
        && completion.as_ref().is_some_and(|completion| {
            // Not if what is left of the credits may have cut it short.
            is_typical(completion, bill.max_tokens == own_bound)
        });
    let settling = bill.settle(
        &label.model,
        heard.served.as_ref(),
        completion.as_ref(),
        heard.said,
    );
    let body = match (shape, blocked) {
        (Shape::OpenAi, _) => {
            let completion = completion.unwrap_or(screened::filtered(usage));
            serde_json::to_string(&message.object(&label, &completion)).map_err(unwritten)
        }
        (Shape::Plain, None) => serde_json::to_string(&message.response()).map_err(unwritten),
        (Shape::Plain, Some(error)) => Err(error),
    };
    let place = place.filter(|_| is_typical).zip(body.as_ref().ok());
    let keeping = OptionFuture::from(place.map(|(place, body)| place.keep(body.clone())));
    let (settled, kept) = join(settling, keeping).await;
    note(context, settled);
    note(context, kept.flatten());
    body.map(|body| Response::bytes(JSON, body.into_bytes()))
}

fn unwritten(error: serde_json::Error) -> ApiError {
    ApiError::internal(error.to_string())
}

/// Whether an answer is one that the same question may be given again.
fn is_typical(completion: &Completion, is_own_bound: bool) -> bool {
    match completion.finish_reason {
        FinishReason::Stop | FinishReason::ToolCalls => true,
        FinishReason::Length => is_own_bound,
        FinishReason::ContentFilter | FinishReason::Other => false,
    }
}

/// The model that is named, be it known or not; else the operator's or the first available one.
async fn choose_model(named: &str) -> Result<String, ApiError> {
    if !named.is_empty() {
        return Ok(named.to_owned());
    }
    let models = provider::models().await.map_err(error_mapping::catalogue)?;
    let of_operator = variables::get("default_model").await.unwrap_or_default();
    model_choice::choose(&[Some(of_operator.as_str())], &models)
        .map(|model| model.id.clone())
        .ok_or_else(|| {
            ApiError::ProviderUnavailable(
                "No model is configured on this server.",
                None,
                Cause::new("no model available"),
            )
        })
}

/// What a model answers, and how that ended.
async fn collect(mut answer: Screened) -> (Message, Heard, Ending) {
    let mut message = Message::default();
    while let Some(pieces) = answer.next().await {
        pieces.into_iter().for_each(|piece| message.push(piece));
        if answer.heard().said > MAX_REPLY {
            let error = Error::Protocol("reply too long".to_owned());
            let ending = Ending::Broken(errors::llm(error));
            return (message, answer.heard().clone(), ending);
        }
    }
    let heard = answer.heard().clone();
    (message, heard, answer.end().await)
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
