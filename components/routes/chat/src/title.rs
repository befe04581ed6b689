//! Titles made by a model (variable `title_model`), once the first reply of a conversation is
//! there. Whatever goes wrong leaves the title as it is: the beginning of the first message.

use std::time::Duration;

use billing::{Bill, Payer};
use contracts::{
    conversations::library,
    llm::{
        provider,
        types::{ChatRequest, Completion, ResolvedModel, Role},
    },
};
use futures::future::{Either, select};
use screening::Screen;
use spin_sdk::{time::sleep, variables};

use crate::{
    prompt,
    source::{Opening, Source},
};

/// How long a model may take for a title.
const PATIENCE: Duration = Duration::from_secs(20);
/// How much of message and reply it is shown, in characters.
const SHOWN: usize = 1_000;
/// Longest title, in characters; the rest of a longer one is cut off.
const LONGEST: usize = 80;
/// Tokens it may use: some models think first.
const MAX_TOKENS: u32 = 256;

const INSTRUCTIONS: &str = "You name conversations. Answer with a title of at most six words for \
    the conversation that begins as follows, in its own language, and with nothing else: no \
    quotation marks, no full stop.";

/// A conversation that is to be named.
pub(crate) struct Untitled {
    pub(crate) user: String,
    pub(crate) conversation: String,
    pub(crate) message: String,
    pub(crate) payer: Payer,
}

/// What a model has said so far.
#[derive(Default)]
struct Said {
    text: String,
    served: Option<ResolvedModel>,
}

impl Untitled {
    /// Has it named, if a model for that is configured. Answers what went wrong, for the log.
    pub(crate) async fn name(self, reply: &str) -> Option<String> {
        let model = variables::get("title_model").await.unwrap_or_default();
        let model = model.trim();
        if model.is_empty() {
            return None;
        }
        let mut question = question(model, &self.message, reply);
        let prompt = billing::size(&question.messages);
        // Whose credits are spent has the title that costs nothing.
        let bill = Bill::open_aside(self.payer, prompt, question.max_tokens).await;
        let bill = bill.ok()?;
        question.max_tokens = bill.max_tokens;
        let mut said = Said::default();
        let asked = {
            let ask = std::pin::pin!(ask(question, &mut said));
            match select(ask, std::pin::pin!(sleep(PATIENCE))).await {
                Either::Left((asked, _)) => asked,
                Either::Right(_) => Err("title: no answer in time".to_owned()),
            }
        };
        let Said { text, served } = said;
        let completion = asked.as_ref().ok();
        let settled = bill.settle(model, served.as_ref(), completion, text.len());
        let unsettled = settled.await;
        if let Err(cause) = asked {
            return Some(cause);
        }
        if let Some(title) = shown(clean(&text)).await
            && library::suggest_title(self.user, self.conversation, title)
                .await
                .is_err()
        {
            return Some("title: not stored".to_owned());
        }
        unsettled
    }
}

/// The title, as far as moderation lets it pass; none of it if that cannot be asked.
async fn shown(title: Option<String>) -> Option<String> {
    let title = title?;
    let screen = Screen::open().await.ok()?;
    let (passed, rest) = (screen.pass(vec![title]), screen.rest());
    let whole = passed.blocked.is_none() && rest.blocked.is_none();
    whole.then(|| [passed.pieces, rest.pieces].concat().concat())
}

async fn ask(question: ChatRequest, said: &mut Said) -> Result<Completion, String> {
    let failed = |error| format!("title: {error:?}");
    let (deltas, completion) = provider::chat(question).await.map_err(failed)?;
    let mut source = match Source::new(deltas, completion).open().await {
        Opening::Speaking(source) => source,
        Opening::Failed(error) => return Err(failed(error)),
        Opening::Stopped => return Err("title: stopped".to_owned()),
    };
    while let Some(pieces) = source.next().await {
        pieces.iter().for_each(|piece| said.text.push_str(piece));
        said.served = source.served().cloned();
    }
    said.served = source.served().cloned();
    source.end().await.map_err(failed)
}

fn question(model: &str, message: &str, reply: &str) -> ChatRequest {
    let beginning = |text: &str| -> String { text.chars().take(SHOWN).collect() };
    let shown = format!(
        "User: {}\n\nAssistant: {}",
        beginning(message),
        beginning(reply)
    );
    let messages = [(Role::System, INSTRUCTIONS.to_owned()), (Role::User, shown)];
    ChatRequest {
        model: model.to_owned(),
        messages: messages
            .into_iter()
            .map(|(role, text)| prompt::text(role, text))
            .collect(),
        temperature: None,
        max_tokens: Some(MAX_TOKENS),
        options: None,
    }
}

/// A title of what a model said: its first line, without what models put around it.
fn clean(said: &str) -> Option<String> {
    let line = said.lines().map(str::trim).find(|line| !line.is_empty())?;
    let quotes = ['"', '\'', '*', '#', '`', '“', '”', '„', '«', '»'];
    let bare = |text: &str| -> String {
        let text = text.trim_matches(|c: char| quotes.contains(&c) || c.is_whitespace());
        text.trim_end_matches('.').to_owned()
    };
    let line = bare(line);
    let line = bare(line.strip_prefix("Title:").unwrap_or(&line));
    let title: String = line
        .chars()
        .filter(|c| !c.is_control())
        .take(LONGEST)
        .collect();
    let title = title.trim();
    (!title.is_empty()).then(|| title.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_bare() {
        for (said, title) in [
            ("Goldfish care", Some("Goldfish care")),
            ("\n \"Goldfish care.\"\nMore", Some("Goldfish care")),
            ("**Title: Goldfish**", Some("Goldfish")),
            ("„Fische“", Some("Fische")),
            (" \n\t\n", None),
            ("\"\"", None),
        ] {
            assert_eq!(clean(said).as_deref(), title, "{said:?}");
        }
        assert_eq!(
            clean(&"é".repeat(300)).map(|title| title.chars().count()),
            Some(LONGEST)
        );
    }

    #[test]
    fn a_model_is_shown_the_beginnings() {
        let question = question("m", &"a".repeat(5_000), "b");
        assert_eq!(question.messages.len(), 2);
        assert!(billing::size(&question.messages[1..2]) < 1_100);
    }
}
