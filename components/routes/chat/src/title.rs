//! Titles that a model generates (variable `title_model`) after the first reply of a conversation.
//! If anything fails, the title remains the beginning of the first message.

use std::{
    pin::{Pin, pin},
    time::Duration,
};

use completion::{
    Keep, Moderation, Payer, RelayEnd, Relayed, Reply, Reservation, Silence, Sink, Source, Stop,
    relay, text_message, text_of,
};
use contracts::{
    conversations::conversations,
    llm::types::{ChatRequest, Delta, Role},
};
use futures::future::{Either, select};
use spin_sdk::{time::sleep, variables};

use crate::live;

/// How long a model may take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// How much of the message and of the reply the model is shown, in characters.
const MAX_CONTEXT: usize = 1_000;
/// Bytes that hold [`MAX_CONTEXT`] characters.
pub(crate) const MAX_CONTEXT_BYTES: usize = 4 * MAX_CONTEXT;
/// Longest title, in characters; a longer one is cut.
const MAX_TITLE: usize = 80;
/// Tokens that the model may use: some reason first.
const MAX_TOKENS: u32 = 256;

const INSTRUCTIONS: &str = "You name conversations. Answer with a title of at most six words for \
    the conversation that begins as follows, in its own language, and with nothing else: no \
    quotation marks, no full stop.";

/// A conversation without a generated title.
pub(crate) struct TitleRequest {
    pub(crate) user: String,
    pub(crate) conversation: String,
    pub(crate) message: String,
    pub(crate) payer: Payer,
}

impl TitleRequest {
    /// Generates and stores a title, if a model for it is configured. `reply` is the beginning of
    /// the reply.
    ///
    /// # Errors
    /// A text for the log.
    pub(crate) async fn generate(self, reply: &str) -> Result<(), String> {
        let model = variables::get("title_model").await.unwrap_or_default();
        let model = model.trim();
        if model.is_empty() {
            return Ok(());
        }
        let mut request = chat_request(model, &self.message, reply);
        let prompt_bytes = completion::prompt_bytes(&request.messages);
        let reservation =
            Reservation::open_background(self.payer, prompt_bytes, request.max_tokens).await;
        // A user without credits keeps the title that costs nothing.
        let Ok(reservation) = reservation else {
            return Ok(());
        };
        request.max_tokens = reservation.max_tokens;
        let mut collector = Collector::new();
        let relayed = ask(request, &mut collector).await;
        let settled = reservation.settle(model, &relayed).await;
        match relayed.end {
            RelayEnd::Complete(_) => {}
            RelayEnd::Failed(error) => return Err(format!("title: {error:?}")),
            RelayEnd::TooLong => return Err("title: reply too long".to_owned()),
            RelayEnd::Cancelled | RelayEnd::Blocked(_) => {
                return Err("title: no reply in time".to_owned());
            }
        }
        if let Some(title) = moderated(clean(&collector.text)).await {
            conversations::suggest_title(self.user.clone(), self.conversation.clone(), title)
                .await
                .map_err(|_| "title: not stored".to_owned())?;
            live::tell_title(&self.user, &self.conversation).await;
        }
        settled
    }
}

/// Collects the text of a reply until it takes too long.
struct Collector {
    text: String,
    timeout: Pin<Box<dyn Future<Output = ()>>>,
}

impl Collector {
    fn new() -> Self {
        Self {
            text: String::new(),
            timeout: Box::pin(sleep(TIMEOUT)),
        }
    }
}

impl Sink for Collector {
    async fn send(&mut self, deltas: Vec<Delta>) -> Result<(), Stop> {
        let texts = deltas.iter().filter_map(text_of);
        self.text.extend(texts);
        Ok(())
    }

    async fn silence(&mut self) -> Silence {
        self.timeout.as_mut().await;
        Silence::Stop(Stop::Cancelled)
    }
}

async fn ask(request: ChatRequest, collector: &mut Collector) -> Relayed {
    let source = pin!(Source::request(request, Keep::Text));
    let source = match select(source, collector.timeout.as_mut()).await {
        Either::Left((source, _)) => source,
        Either::Right(_) => return Relayed::cancelled(),
    };
    match source {
        // The whole title is moderated, not the reply that contains it.
        Ok(source) => relay(Reply::new(source, Moderation::default()), collector).await,
        Err(error) => Relayed::failed(error),
    }
}

/// The title as moderation lets it pass; none if it is blocked or cannot be checked.
async fn moderated(title: Option<String>) -> Option<String> {
    let title = title?;
    let moderation = Moderation::open(Keep::Text).await.ok()?;
    moderation.pass_text(title)
}

fn chat_request(model: &str, message: &str, reply: &str) -> ChatRequest {
    let beginning = |text: &str| -> String { text.chars().take(MAX_CONTEXT).collect() };
    let context = format!(
        "User: {}\n\nAssistant: {}",
        beginning(message),
        beginning(reply)
    );
    let messages = [
        (Role::System, INSTRUCTIONS.to_owned()),
        (Role::User, context),
    ];
    ChatRequest {
        model: model.to_owned(),
        messages: messages
            .into_iter()
            .map(|(role, text)| text_message(role, text))
            .collect(),
        temperature: None,
        max_tokens: Some(MAX_TOKENS),
        options: None,
        native: None,
    }
}

/// The title in a reply: its first line, without quotation marks and other decoration.
fn clean(reply: &str) -> Option<String> {
    let line = reply.lines().map(str::trim).find(|line| !line.is_empty())?;
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
        .take(MAX_TITLE)
        .collect();
    let title = title.trim();
    (!title.is_empty()).then(|| title.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clean_removes_decoration() {
        for (reply, title) in [
            ("Goldfish care", Some("Goldfish care")),
            ("\n \"Goldfish care.\"\nMore", Some("Goldfish care")),
            ("**Title: Goldfish**", Some("Goldfish")),
            ("„Fische“", Some("Fische")),
            (" \n\t\n", None),
            ("\"\"", None),
        ] {
            assert_eq!(clean(reply).as_deref(), title, "{reply:?}");
        }
        assert_eq!(
            clean(&"é".repeat(300)).map(|title| title.chars().count()),
            Some(MAX_TITLE)
        );
    }

    #[test]
    fn chat_request_contains_the_beginnings_only() {
        let request = chat_request("m", &"a".repeat(5_000), "b");
        assert_eq!(request.messages.len(), 2);
        assert!(completion::prompt_bytes(&request.messages[1..2]) < 1_100);
    }
}
