//! From a conversation to one prompt, and from one text to pieces. Pure.

use crate::bindings::{ChatRequest, Error, Message, Part, ResponseFormat, Role};
use crate::request::{part_path, refuse};

/// As it stands in errors.
const NAME: &str = "spin";

/// Refuses what a prompt of plain text cannot hold and the host has no parameter for.
///
/// # Errors
/// `invalid-request` with the field.
pub(crate) fn check(request: &ChatRequest) -> Result<(), Error> {
    let options = request.options();
    options.refuse_extra(NAME)?;
    options.refuse_penalties(NAME)?;
    let shaped = !matches!(options.response_format, None | Some(ResponseFormat::Text));
    for (asked, field) in [
        (!options.stop.is_empty(), "stop"),
        (options.seed.is_some(), "seed"),
        (!options.tools.is_empty(), "tools"),
        (shaped, "response_format.type"),
    ] {
        refuse(asked, field, NAME)?;
    }
    for (index, message) in request.messages.iter().enumerate() {
        let of_tools = message.role == Role::Tool || !message.tool_calls.is_empty();
        refuse(of_tools, &format!("messages[{index}].role"), NAME)?;
        let is_named = message.name.is_some();
        refuse(is_named, &format!("messages[{index}].name"), NAME)?;
        for (part, content) in message.content.iter().enumerate() {
            let is_image = matches!(content, Part::Image(_));
            refuse(is_image, &part_path(index, part), NAME)?;
        }
    }
    Ok(())
}

/// The prompt in Llama 2's chat format, which Spin's best-known models were trained on; other models
/// get plain lines with the speakers' names.
pub(crate) fn prompt(model: &str, messages: &[Message]) -> String {
    if model.starts_with("llama2") || model.starts_with("codellama") {
        llama(messages)
    } else {
        plain(messages)
    }
}

fn system(messages: &[Message]) -> String {
    let texts: Vec<_> = messages
        .iter()
        .filter(|message| message.role == Role::System)
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
            Role::System | Role::Tool => {}
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
            Role::System | Role::Tool => {}
            Role::User => prompt += &format!("\n\nUser: {}", message.text()),
            Role::Assistant => prompt += &format!("\n\nAssistant: {}", message.text()),
        }
    }
    prompt += "\n\nAssistant:";
    prompt.trim_start().to_owned()
}

/// The text in pieces that end with a space or the text.
pub(crate) fn pieces(text: &str) -> Vec<String> {
    text.split_inclusive(' ').map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::Options;
    use crate::request::testing::{add, asking, field, message, request, result};

    #[test]
    fn what_it_cannot_do_is_refused_by_name() {
        type Change = fn(&mut Options);
        let cases: [(Change, &str); 4] = [
            (|options| options.stop = vec!["x".into()], "stop"),
            (|options| options.seed = Some(1), "seed"),
            (|options| options.tools = vec![add()], "tools"),
            (
                |options| options.response_format = Some(ResponseFormat::JsonObject),
                "response_format.type",
            ),
        ];
        for (change, named) in cases {
            assert_eq!(field(check(&asking(change))), named);
        }
        assert_eq!(
            field(check(&request(vec![result("c", "1")]))),
            "messages[0].role"
        );
        assert_eq!(check(&asking(|options| options.top_p = Some(0.5))), Ok(()));
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
    fn pieces_are_the_text() {
        assert_eq!(pieces("a b  c"), ["a ", "b ", " ", "c"]);
        assert!(pieces("").is_empty());
    }
}
