//! `POST /api/chat`: stores the user's message, asks a model, streams its reply as server-sent
//! events and stores that too, whether or not the client stays to read it.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

mod backlog;
mod bell;
mod events;
mod outbox;
mod prompt;
mod reply;
mod request;
mod source;

use contracts::{
    conversations::turns::{Outcome, Turn},
    identity::types::Scope,
    llm::{provider, types::ChatRequest},
};
use futures::future::{join, join3};
use http_edge::{ApiError, Context, Reply};

use billing::Bill;
use request::{Asked, ChatBody};
use source::{Opening, Source};

http_edge::routes! {
    POST "/api/chat" => send_message,
}

async fn send_message(context: &mut Context) -> Result<Reply, ApiError> {
    let principal = access::authenticate(context).await?;
    access::require(&principal, Scope::Chat)?;
    let asked = Asked::try_from(context.json::<ChatBody>().await?)?;
    // Three capabilities that do not need each other's answers.
    let (verdict, turn, models) = join3(
        billing::admit(&principal),
        Turn::open(principal.user.id.clone(), asked.conversation_id.clone()),
        provider::models(),
    )
    .await;
    access::note(context, verdict)?;
    let turn = turn.map_err(|error| failures::conversations(error, "conversationId"))?;
    let models = models.map_err(failures::catalogue)?;

    let preferences = turn.preferences();
    let model = prompt::choose_model(&asked, turn.model(), &preferences, &models).await?;
    context.log.model(&model);
    let system = prompt::choose_system(asked.system, preferences.system_prompt).await;
    let messages = prompt::messages(system, turn.history(), &asked.message);
    let bill = Bill::open(&principal, billing::size(&messages), asked.max_tokens).await?;
    let question = ChatRequest {
        model: model.clone(),
        messages,
        temperature: asked.temperature,
        max_tokens: bill.max_tokens,
        options: None,
    };

    // The message is stored while the provider is being reached: the reply's first word waits for
    // the slower of the two, not for both.
    let (answer, started) = join(
        provider::chat(question),
        turn.begin(asked.message, model.clone()),
    )
    .await;
    let started = match started {
        Ok(started) => started,
        Err(error) => {
            // Cancels the request at the provider.
            drop(answer);
            note(context, bill.release().await);
            return Err(failures::conversations(error, "message"));
        }
    };
    context.set_header("x-conversation-id", started.conversation_id.clone());

    // Until something has been said, failing is an ordinary error with a status of its own.
    let opening = match answer {
        Ok((deltas, completion)) => Source::new(deltas, completion).open().await,
        Err(error) => Opening::Failed(error),
    };
    match opening {
        Opening::Speaking(source) => {
            let exchange = reply::Exchange {
                turn,
                source,
                started,
                model,
                bill,
            };
            Ok(Reply::events(|body, log| exchange.run(body, log)))
        }
        Opening::Failed(error) => {
            // If even that cannot be stored, the reply counts as broken off when it is overdue.
            let finished = reply::finish(&turn, Outcome::Incomplete, "", &mut context.log);
            let (_, released) = join(finished, bill.release()).await;
            note(context, released);
            Err(failures::llm(error))
        }
    }
}

fn note(context: &mut Context, trouble: Option<String>) {
    if let Some(cause) = trouble {
        context.log.warn(&cause);
    }
}
