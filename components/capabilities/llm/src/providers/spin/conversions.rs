//! From a conversation to one prompt, and from one text to pieces. Pure.

use crate::bindings::{Message, Role};

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
    let texts: Vec<&str> = messages
        .iter()
        .filter(|message| message.role == Role::System)
        .map(|message| message.content.as_str())
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
            Role::System => {}
            Role::User => {
                let instructions = std::mem::take(&mut instructions);
                prompt += &format!("<s>[INST] {instructions}{} [/INST]", message.content);
            }
            Role::Assistant => prompt += &format!(" {} </s>", message.content),
        }
    }
    prompt
}

fn plain(messages: &[Message]) -> String {
    let mut prompt = system(messages);
    for message in messages {
        match message.role {
            Role::System => {}
            Role::User => prompt += &format!("\n\nUser: {}", message.content),
            Role::Assistant => prompt += &format!("\n\nAssistant: {}", message.content),
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

    fn conversation() -> Vec<Message> {
        [
            (Role::System, "Be kind."),
            (Role::User, "Hi"),
            (Role::Assistant, "Hello"),
            (Role::User, "Bye"),
        ]
        .map(|(role, content)| Message {
            role,
            content: content.to_owned(),
        })
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
