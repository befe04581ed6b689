//! Which reasoning of earlier replies is sent to a model. Pure.

use crate::bindings::{ChatRequest, Message, Part, Role};
use crate::catalogue::{Entry, ReasoningTurns};
use std::borrow::Cow;

/// The request without reasoning that the model does not take: that of another provider or model, and
/// that of turns for which its row says so.
pub(crate) fn for_model<'a>(request: &'a ChatRequest, entry: &Entry) -> Cow<'a, ChatRequest> {
    let last_turn = request
        .messages
        .iter()
        .rposition(|message| message.role == Role::User)
        .unwrap_or(0);
    let is_taken = |index: usize, part: &Part| match part {
        Part::Reasoning(reasoning) => {
            let is_same =
                |made: &Option<String>, own: &str| made.as_deref().is_none_or(|made| made == own);
            let is_turn = match entry.reasoning_turns {
                ReasoningTurns::Never => false,
                ReasoningTurns::Tools => index > last_turn,
                ReasoningTurns::Always => true,
            };
            is_turn
                && is_same(&reasoning.provider, entry.provider.name())
                && is_same(&reasoning.model, &entry.id)
        }
        Part::Text(_) | Part::Image(_) | Part::Other(_) => true,
    };
    let is_whole = |(index, message): (usize, &Message)| {
        message.content.iter().all(|part| is_taken(index, part))
    };
    if request.messages.iter().enumerate().all(is_whole) {
        return Cow::Borrowed(request);
    }
    let mut request = request.clone();
    for (index, message) in request.messages.iter_mut().enumerate() {
        message.content.retain(|part| is_taken(index, part));
    }
    Cow::Owned(request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::Reasoning;
    use crate::catalogue::Catalogue;
    use crate::request::testing::{calling, message, request, result};

    /// The texts of the reasoning that goes to gpt-4o.
    fn taken(row: &str) -> Vec<String> {
        let catalogue = Catalogue::new(row).unwrap();
        let part = |text: &str, provider: Option<&str>, model: Option<&str>| {
            Part::Reasoning(Reasoning {
                text: text.into(),
                data: None,
                provider: provider.map(str::to_owned),
                model: model.map(str::to_owned),
            })
        };
        let mut earlier = calling("a", "{}");
        earlier.content = vec![part("earlier", Some("openai"), Some("gpt-4o"))];
        let mut latest = calling("b", "{}");
        latest.content = vec![
            part("own", Some("openai"), Some("gpt-4o")),
            part("unknown", None, None),
            part("other model", Some("openai"), Some("o1")),
            part("other provider", Some("anthropic"), None),
        ];
        let request = request(vec![
            message(Role::User, "one"),
            earlier,
            result("a", "1"),
            message(Role::User, "two"),
            latest,
            result("b", "2"),
        ]);
        let request = for_model(&request, catalogue.find("gpt-4o").unwrap()).into_owned();
        let parts = request
            .messages
            .into_iter()
            .flat_map(|message| message.content);
        parts
            .filter_map(|part| match part {
                Part::Reasoning(reasoning) => Some(reasoning.text),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn for_model_leaves_out_reasoning_of_others() {
        assert_eq!(taken("[]"), ["earlier", "own", "unknown"]);
    }

    #[test]
    fn for_model_leaves_out_turns_as_the_row_says() {
        let row = |turns: &str| format!(r#"[{{"id":"gpt-4o","reasoningTurns":"{turns}"}}]"#);
        assert_eq!(taken(&row("always")), ["earlier", "own", "unknown"]);
        assert_eq!(taken(&row("tools")), ["own", "unknown"]);
        assert!(taken(&row("never")).is_empty());
    }
}
