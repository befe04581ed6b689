//! A conversation as one prompt, and one text as deltas. Pure.

use crate::bindings::{ChatRequest, Error, Message, Part, Role};
use crate::catalogue::Entry;
use crate::request::{Omitted, part_path, prompt as well_formed, reject, unsupported};

/// The name of the provider in errors.
const NAME: &str = "spin";

/// The parameters that are not used.
///
/// # Errors
/// `invalid-request` for what a prompt of plain text cannot contain and the host has no parameter for.
pub(crate) fn check(entry: &Entry, request: &ChatRequest) -> Result<Omitted, Error> {
    reject(entry, request)?;
    let options = request.options();
    let mut omitted = Omitted::default();
    for (name, value) in options.extra() {
        if name != "n" && name != "stream_options" {
            omitted.extra(&name, &value, NAME)?;
        }
    }
    for (is_given, name) in [
        (options.seed.is_some(), "seed"),
        (
            options.presence_penalty.is_some_and(|value| value != 0.0),
            "presence_penalty",
        ),
        (
            options.frequency_penalty.is_some_and(|value| value != 0.0),
            "frequency_penalty",
        ),
        (options.end_user.is_some(), "user"),
    ] {
        omitted.unless(entry.takes(name), is_given, name);
    }
    for (index, message) in request.messages.iter().enumerate() {
        if message.role == Role::Tool || !message.tool_calls.is_empty() {
            return Err(unsupported(&format!("messages[{index}].role"), NAME));
        }
        omitted.unless(
            false,
            message.name.is_some(),
            &format!("messages[{index}].name"),
        );
        for name in message.extra().keys() {
            omitted.add(format!("messages[{index}].{name}"));
        }
        for (position, part) in message.content.iter().enumerate() {
            if matches!(part, Part::Image(_) | Part::Other(_)) {
                return Err(unsupported(&part_path(index, position), NAME));
            }
        }
    }
    Ok(omitted)
}

/// The prompt in Llama 2's chat format, which Spin's best-known models were trained on; for other
/// models, lines with the names of both sides.
pub(crate) fn prompt(model: &str, messages: &[Message]) -> String {
    let messages: Vec<Message> = well_formed(messages, true)
        .into_iter()
        .map(|next| next.message.into_owned())
        .collect();
    let messages = messages.as_slice();
    if model.starts_with("llama2") || model.starts_with("codellama") {
        llama(messages)
    } else {
        plain(messages)
    }
}

fn system(messages: &[Message]) -> String {
    let texts: Vec<_> = messages
        .iter()
        .filter(|message| matches!(message.role, Role::System | Role::Developer))
        .map(Message::text)
        .collect();
    texts.join("\n\n")
}

fn llama(messages: &[Message]) -> String {
    let mut instructions = match system(messages) {
        system if system.is_empty() => String::new(),
        system => format!("<<SYS>>\n{system}\n<</SYS>>\n\n"),
    };
    let mut prompt = String::new();
    for message in messages {
        match message.role {
            Role::System | Role::Developer | Role::Tool => {}
            Role::User => {
                let instructions = std::mem::take(&mut instructions);
                prompt += &format!("<s>[INST] {instructions}{} [/INST]", message.text());
            }
            Role::Assistant => prompt += &format!(" {} </s>", message.text()),
        }
    }
    prompt
}

fn plain(messages: &[Message]) -> String {
    let mut prompt = system(messages);
    for message in messages {
        match message.role {
            Role::System | Role::Developer | Role::Tool => {}
            Role::User => prompt += &format!("\n\nUser: {}", message.text()),
            Role::Assistant => prompt += &format!("\n\nAssistant: {}", message.text()),
        }
    }
    prompt += "\n\nAssistant:";
    prompt.trim_start().to_owned()
}

/// The text in parts that end with a space or the text.
pub(crate) fn parts(text: &str) -> Vec<String> {
    text.split_inclusive(' ').map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::{Options, ResponseFormat};
    use crate::catalogue::Catalogue;
    use crate::request::testing::{add, asking, field, message, request, result};

    fn checked(request: &ChatRequest) -> Result<Vec<String>, Error> {
        let models = r#"[{"id":"llama2-chat","provider":"spin"}]"#;
        let catalogue = Catalogue::new(models).unwrap();
        let omitted = check(catalogue.find("llama2-chat").unwrap(), request)?;
        Ok(omitted.into_names())
    }

    #[test]
    fn what_it_cannot_do_is_rejected_by_name() {
        type Change = fn(&mut Options);
        let cases: [(Change, &str); 4] = [
            (|options| options.stop = vec!["x".into()], "stop"),
            (|options| options.tools = vec![add()], "tools"),
            (
                |options| options.response_format = Some(ResponseFormat::JsonObject),
                "response_format.type",
            ),
            (
                |options| options.extra = Some(r#"{"logprobs":true}"#.into()),
                "logprobs",
            ),
        ];
        for (change, named) in cases {
            assert_eq!(field(checked(&asking(change))), named);
        }
        assert_eq!(
            field(checked(&request(vec![result("c", "1")]))),
            "messages[0].role"
        );
        let seed = asking(|options| {
            options.top_p = Some(0.5);
            options.seed = Some(1);
        });
        assert_eq!(checked(&seed).unwrap(), ["seed"]);
    }

    fn conversation() -> Vec<Message> {
        [
            (Role::System, "Be kind."),
            (Role::User, "Hi"),
            (Role::Assistant, "Hello"),
            (Role::User, "Bye"),
        ]
        .map(|(role, text)| message(role, text))
        .to_vec()
    }

    #[test]
    fn llama_2_gets_its_format() {
        assert_eq!(
            prompt("llama2-chat", &conversation()),
            "<s>[INST] <<SYS>>\nBe kind.\n<</SYS>>\n\nHi [/INST] Hello </s><s>[INST] Bye [/INST]"
        );
    }

    #[test]
    fn others_get_lines() {
        assert_eq!(
            prompt("phi", &conversation()),
            "Be kind.\n\nUser: Hi\n\nAssistant: Hello\n\nUser: Bye\n\nAssistant:"
        );
    }

    #[test]
    fn parts_are_the_text() {
        assert_eq!(parts("a b  c"), ["a ", "b ", " ", "c"]);
        assert!(parts("").is_empty());
    }
}
