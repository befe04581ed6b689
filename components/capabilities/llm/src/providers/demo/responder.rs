//! The replies of the model `demo`. Pure.

use super::commands::{self, Demonstration};
use super::sample::{self, sample};
use crate::bindings::{
    ChatRequest, Completion, Delta, Error, FinishReason, FunctionTool, Options, Part,
    ResponseFormat, Role, ToolCallDelta, ToolChoice, Usage,
};
use crate::json::object;
use crate::random::random;
use crate::request::{Omitted, unsupported};
use serde_json::{Value, json};
use std::time::Duration;

/// The model's name in errors.
const NAME: &str = "demo";

/// The longest part of a message that is quoted back, in characters.
const QUOTE: usize = 120;

/// A reply of the model.
#[derive(Debug)]
pub(crate) struct DemoReply {
    pub(crate) deltas: Vec<Delta>,
    /// Between two deltas.
    pub(crate) interval: Duration,
    /// An error if the reply is interrupted after its deltas.
    pub(crate) end: Result<Completion, Error>,
    /// The parameters that were not used.
    pub(crate) omitted: Omitted,
}

/// The reply to a request. Each word is a delta and counts as a token. Nothing is random here, so
/// what guides how tokens are chosen (temperature, seed, penalties) changes nothing.
///
/// # Errors
/// `invalid-request` for parameters that only OpenAI's API has; `failed` if the user requests a failure.
pub(crate) fn reply(request: &ChatRequest) -> Result<DemoReply, Error> {
    let options = request.options();
    let mut omitted = Omitted::default();
    for (name, value) in options.extra() {
        if name != "n" && name != "stream_options" {
            omitted.extra(&name, &value, NAME)?;
        }
    }
    if let Some(ToolChoice::Other(_)) = options.tool_choice {
        return Err(unsupported("tool_choice", NAME));
    }
    let command = match options.response_format {
        None | Some(ResponseFormat::Text) => commands::demonstration(last_message(request).trim())?,
        Some(_) => None,
    };
    let (interval, is_interrupted) = command
        .as_ref()
        .map_or((commands::INTERVAL, false), |command| {
            (command.interval, command.is_interrupted)
        });
    let (deltas, finish_reason) = match (command, call(request, options)) {
        (
            Some(Demonstration {
                reasoning, text, ..
            }),
            _,
        ) => {
            let (text, finish_reason) = pieces(text, request, options);
            (reasoning.into_iter().chain(text).collect(), finish_reason)
        }
        (None, Some(call)) => (call, FinishReason::ToolCalls),
        (None, None) => pieces(whole(request, options), request, options),
    };
    let usage = Usage {
        prompt_tokens: request.prompt_estimate(),
        completion_tokens: u32::try_from(deltas.len()).unwrap_or(u32::MAX),
        cached_tokens: 0,
        cache_write_tokens: 0,
        cache_write_hour_tokens: 0,
        reasoning_tokens: 0,
        estimated: true,
    };
    let completion = Completion {
        finish_reason,
        stop_sequence: None,
        usage,
        usage_extra: None,
    };
    Ok(DemoReply {
        deltas,
        interval,
        end: if is_interrupted {
            Err(Error::Failed(
                "the user asked for a reply that breaks off".to_owned(),
            ))
        } else {
            Ok(completion)
        },
        omitted,
    })
}

/// The text of the user's last message, if nothing follows it.
fn last_message(request: &ChatRequest) -> String {
    let last = request.messages.last();
    let last = last.filter(|message| message.role == Role::User);
    last.map(|message| message.text().into())
        .unwrap_or_default()
}

/// A text as deltas, up to the limits of the request.
fn pieces(
    mut text: String,
    request: &ChatRequest,
    options: &Options,
) -> (Vec<Delta>, FinishReason) {
    let cut = &options.stop;
    if let Some(at) = cut.iter().filter_map(|stop| text.find(stop)).min() {
        text.truncate(at);
    }
    let mut pieces: Vec<Delta> = text
        .split_inclusive(' ')
        .map(|word| Delta::Text(word.to_owned()))
        .collect();
    let most = request.max_tokens.map_or(usize::MAX, |tokens| {
        usize::try_from(tokens).unwrap_or(usize::MAX)
    });
    let finish_reason = if pieces.len() > most {
        FinishReason::Length
    } else {
        FinishReason::Stop
    };
    pieces.truncate(most);
    (pieces, finish_reason)
}

fn whole(request: &ChatRequest, options: &Options) -> String {
    let of_user = || {
        request
            .messages
            .iter()
            .rev()
            .filter(|message| message.role == Role::User)
    };
    let last = of_user().next();
    let words = last.map(|message| message.text()).unwrap_or_default();
    let text = match request.messages.last() {
        Some(result) if result.role == Role::Tool => {
            format!("[demo] The tool answers: “{}”.", quote(&result.text()))
        }
        _ => text(words.trim(), of_user().count()),
    };
    match &options.response_format {
        Some(ResponseFormat::JsonObject) => json!({ "answer": text }).to_string(),
        Some(ResponseFormat::JsonSchema(format)) => {
            let schema = format.schema.as_deref().and_then(object);
            sample(&Value::Object(schema.unwrap_or_default()), &text).to_string()
        }
        Some(ResponseFormat::Text | ResponseFormat::Other(_)) | None => {
            let images = last.into_iter().flat_map(|message| &message.content);
            match images.filter(|part| matches!(part, Part::Image(_))).count() {
                0 => text,
                count => format!("{text} I cannot see what came along (images: {count})."),
            }
        }
    }
}

/// A call, when one is demanded, or when the user says `call` and the name of a tool.
fn call(request: &ChatRequest, options: &Options) -> Option<Vec<Delta>> {
    let last = request.messages.last()?;
    let words = last.text();
    let functions = || options.functions().map(|(_, tool)| tool);
    let by_name = |name: &str| functions().find(|tool| tool.name == name);
    let requested = || {
        let mut words = words.split_whitespace();
        let is_call = words.next()?.eq_ignore_ascii_case("call") && last.role == Role::User;
        by_name(words.next().filter(|_| is_call)?)
    };
    let tool = match &options.tool_choice {
        Some(ToolChoice::None) => None,
        Some(ToolChoice::Function(name)) => by_name(name),
        Some(ToolChoice::Required) => requested().or_else(|| functions().next()),
        Some(ToolChoice::Auto | ToolChoice::Other(_)) | None => requested(),
    }?;
    Some(call_deltas(tool, &words))
}

/// The arguments are in several deltas, as those of real models.
fn call_deltas(tool: &FunctionTool, words: &str) -> Vec<Delta> {
    let schema = tool.parameters.as_deref().and_then(object);
    let arguments = sample::arguments(schema.unwrap_or_default(), words).to_string();
    let begin = ToolCallDelta {
        index: 0,
        id: Some(format!("call_demo{:016x}", random())),
        name: Some(tool.name.clone()),
        arguments: String::new(),
        extra: None,
    };
    let rest = arguments
        .split_inclusive([',', ':'])
        .map(|part| ToolCallDelta {
            index: 0,
            id: None,
            name: None,
            arguments: part.to_owned(),
            extra: None,
        });
    std::iter::once(begin)
        .chain(rest)
        .map(Delta::ToolCall)
        .collect()
}

fn text(message: &str, turn: usize) -> String {
    if let Some(result) = calculation(message) {
        return format!(
            "[demo] {result} — I am a small program, not an AI, but this much I can work out."
        );
    }
    let words = message.split_whitespace().count();
    let lower = message.to_lowercase();
    let asks = |words: &[&str]| {
        lower
            .split(|character: char| !character.is_alphanumeric())
            .any(|word| words.contains(&word))
    };
    if asks(&["help", "setup", "configure", "model", "models", "key"]) {
        return "[demo] To talk to a real model, give this server one: set openai_api_key, anthropic_api_key, or \
                cloudflare_account_id with cloudflare_api_token, or point local_base_url at an OpenAI-compatible server \
                such as Ollama (http://localhost:11434/v1). As environment variables they begin with SPIN_VARIABLE_. \
                Then choose one of the models that GET /api/models lists as available."
            .to_owned();
    }
    let greeting = if asks(&["hello", "hi", "hey", "hallo", "bonjour", "hola"]) {
        "Hello! "
    } else {
        ""
    };
    let plural = if words == 1 { "" } else { "s" };
    let quote = quote(message);
    format!(
        "[demo] {greeting}I am a small program, not an AI: no model is asked here. Message {turn} of our conversation has \
         {words} word{plural}: “{quote}”. Ask for help to learn how to connect a real model, or give me a sum such as 6 * 7."
    )
}

fn quote(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(QUOTE).collect()
}

/// The result of `a + b`, `-`, `*`, `/`, if a message holds one.
fn calculation(message: &str) -> Option<String> {
    let sum = message
        .trim_end_matches(['?', '=', ' ', '.'])
        .to_lowercase();
    let sum = ["what is", "what's", "calculate", "compute"]
        .iter()
        .find_map(|start| sum.strip_prefix(start))
        .unwrap_or(&sum);
    calculated(sum).or_else(|| {
        // Within a sentence it has spaces, so that a date or a price range is none.
        let words: Vec<&str> = message.split_whitespace().collect();
        words.windows(3).find_map(|parts| {
            let sum = parts.join(" ");
            calculated(sum.trim_end_matches(|character: char| !character.is_numeric()))
        })
    })
}

/// The result of a text that is nothing but a calculation.
fn calculated(sum: &str) -> Option<String> {
    let operators = ['+', '*', '/', '×', '÷', '-', '−'];
    // A first character may be a sign.
    let (at, operator) = sum
        .trim()
        .char_indices()
        .skip(1)
        .find(|(_, character)| operators.contains(character))?;
    let (left, right) = sum.trim().split_at_checked(at)?;
    let right = right.strip_prefix(operator)?;
    let (left, right): (f64, f64) = (left.trim().parse().ok()?, right.trim().parse().ok()?);
    let result = match operator {
        '+' => left + right,
        '*' | '×' => left * right,
        '/' | '÷' => left / right,
        _ => left - right,
    };
    Some(if result.is_finite() {
        format!("{left} {operator} {right} = {result}")
    } else {
        "That has no answer.".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::testing::{calls, texts};
    use crate::request::testing::{add, asking, calling, field, message, request, result};

    fn reply_to(request: &ChatRequest) -> (String, Completion) {
        let reply = reply(request).unwrap();
        let (pieces, end) = (reply.deltas, reply.end.unwrap());
        let texts = texts(&pieces);
        assert_eq!(texts.len(), pieces.len());
        assert!(texts.iter().all(|piece| !piece.is_empty()));
        (texts.concat(), end)
    }

    fn reply_to_text(text: &str, max_tokens: Option<u32>) -> (String, Completion) {
        reply_to(&ChatRequest {
            max_tokens,
            ..request(vec![message(Role::User, text)])
        })
    }

    #[test]
    fn it_calls_the_tool_of_tool_choice() {
        let mut request = asking(|options| options.tools = vec![add()]);
        let called = |request: &ChatRequest| {
            let reply = reply(request).unwrap();
            let (pieces, end) = (reply.deltas, reply.end.unwrap());
            (calls(&pieces), end.finish_reason)
        };
        let default = ("add".to_owned(), r#"{"a":1}"#.to_owned());
        assert_eq!(called(&request), (Vec::new(), FinishReason::Stop));
        for choice in [ToolChoice::Required, ToolChoice::Function("add".into())] {
            request.options.as_mut().unwrap().tool_choice = Some(choice);
            assert_eq!(
                called(&request),
                (vec![default.clone()], FinishReason::ToolCalls)
            );
        }
        request.options.as_mut().unwrap().tool_choice = None;
        request.messages = vec![message(Role::User, r#"call add {"a": 5}"#)];
        assert_eq!(
            called(&request).0,
            [("add".to_owned(), r#"{"a":5}"#.to_owned())]
        );
        request.options.as_mut().unwrap().tool_choice = Some(ToolChoice::None);
        assert_eq!(called(&request).0, []);
    }

    #[test]
    fn it_repeats_a_tools_result() {
        let conversation = vec![
            message(Role::User, "call add"),
            calling("c", "{}"),
            result("c", "42"),
        ];
        let (text, end) = reply_to(&request(conversation));
        assert_eq!(text, "[demo] The tool answers: “42”.");
        assert_eq!(end.finish_reason, FinishReason::Stop);
    }

    #[test]
    fn it_answers_in_json() {
        let text = reply_to(&asking(|options| {
            options.response_format = Some(ResponseFormat::JsonObject);
        }))
        .0;
        let json: Value = serde_json::from_str(&text).unwrap();
        assert!(json["answer"].as_str().unwrap().starts_with("[demo]"));
    }

    #[test]
    fn it_ends_at_a_stop_sequence() {
        let request = asking(|options| options.stop = vec!["program".into(), "never".into()]);
        assert!(reply_to(&request).0.ends_with("a small "));
        let refused = asking(|options| options.extra = Some(r#"{"logit_bias":{}}"#.into()));
        assert_eq!(field(reply(&refused)), "logit_bias");
    }

    #[test]
    fn it_introduces_itself_and_quotes_the_message() {
        for message in ["Hello there", "help", "6 * 7", ""] {
            assert!(
                reply_to_text(message, None).0.starts_with("[demo]"),
                "{message}"
            );
        }
        assert!(
            reply_to_text("Hello there", None)
                .0
                .contains("2 words: “Hello there”")
        );
        assert!(reply_to_text("help me", None).0.contains("openai_api_key"));
    }

    #[test]
    fn it_calculates() {
        assert!(
            reply_to_text("What is 6 * 7?", None)
                .0
                .contains("6 * 7 = 42 ")
        );
        let in_a_sentence = reply_to_text("Hello goldfish, what is 6 * 7?", None).0;
        assert!(in_a_sentence.contains("6 * 7 = 42 "), "{in_a_sentence}");
        assert!(
            reply_to_text("Is 2 + 2 really 5?", None)
                .0
                .contains("2 + 2 = 4 ")
        );
        assert!(!reply_to_text("On 2026-02-20 at 5", None).0.contains('='));
        assert!(reply_to_text("-2 - 3", None).0.contains("-2 - 3 = -5 "));
        assert!(reply_to_text("1/0", None).0.contains("no answer"));
        assert!(!reply_to_text("well-known", None).0.contains('='));
    }

    #[test]
    fn commands_send_each_kind_of_content() {
        let reply_to = |text| reply(&request(vec![message(Role::User, text)]));
        let reasoned = reply_to("/demo reasoning").unwrap();
        assert!(matches!(reasoned.deltas.first(), Some(Delta::Reasoning(_))));
        assert!(reasoned.end.is_ok());
        let broken = reply_to("/demo error").unwrap();
        assert!(!broken.deltas.is_empty());
        assert!(matches!(broken.end, Err(Error::Failed(_))));
        assert!(matches!(reply_to("/demo fail"), Err(Error::Failed(_))));
        assert!(reply_to("/demo slow").unwrap().interval > commands::INTERVAL);
        let (text, end) = reply_to_text("/demo long", Some(5));
        assert_eq!(text.split_whitespace().count(), 5);
        assert_eq!(end.finish_reason, FinishReason::Length);
    }

    #[test]
    fn it_stops_at_max_tokens() {
        let (text, end) = reply_to_text("Hello", Some(3));
        assert_eq!(text.split_whitespace().count(), 3);
        assert_eq!(
            (end.finish_reason, end.usage.completion_tokens),
            (FinishReason::Length, 3)
        );
    }
}
