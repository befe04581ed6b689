//! The request of Workers AI's text generation.
//! Source: <https://developers.cloudflare.com/workers-ai/get-started/rest-api/>.

use super::config::Config;
use crate::bindings::{
    ChatRequest, Error, ImageDetail, Message, Options, Part, ResponseFormat, Role, ToolChoice,
};
use crate::call::Call;
use crate::catalogue::Entry;
use crate::providers::openai::client as openai;
use crate::request::{part_path, refuse, unsupported};
use crate::secret::Secret;
use serde_json::{Map, Value, json};

/// As it stands in errors.
const NAME: &str = "workers-ai";

/// The service's own bound is 256, which cuts most answers.
const DEFAULT_MAX_TOKENS: u32 = 1_024;

/// Asks for a streamed answer.
///
/// # Errors
/// `other` when the base URL is none; `unknown-model` when the model's name cannot be part of one;
/// `invalid-request` for what the service or the model does not do.
pub(crate) fn chat(
    config: &Config,
    key: &Secret,
    entry: &Entry,
    request: &ChatRequest,
) -> Result<Call, Error> {
    let name = &entry.upstream;
    let fits = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"@/._-:".contains(&byte));
    if !fits
        || name
            .split('/')
            .any(|part| part.is_empty() || part == "." || part == "..")
    {
        return Err(Error::UnknownModel);
    }
    Ok(Call::post(
        &format!("{}/{name}", config.run_url),
        &body(entry, request)?,
    )?
    .bearer(key))
}

fn body(entry: &Entry, request: &ChatRequest) -> Result<Value, Error> {
    let options = request.options();
    check(entry, request, options)?;
    let mut body = Map::new();
    body.insert("messages".to_owned(), messages(&request.messages));
    body.insert("stream".to_owned(), json!(true));
    body.insert("max_tokens".to_owned(), json!(max_tokens(entry, request)));
    if let Some(temperature) = request.temperature.filter(|_| entry.temperature) {
        body.insert("temperature".to_owned(), json!(temperature));
    }
    openai::sampling(options, &mut body);
    // Without tools there is nothing to choose.
    if !options.tools.is_empty() && options.tool_choice != Some(ToolChoice::None) {
        body.insert("tools".to_owned(), openai::tools(&options.tools));
    }
    Ok(Value::Object(body))
}

/// Refuses what the service has no field for, and what the catalogue says that the model cannot.
fn check(entry: &Entry, request: &ChatRequest, options: &Options) -> Result<(), Error> {
    options.refuse_extra(NAME)?;
    refuse(!options.stop.is_empty(), "stop", NAME)?;
    let with_tools = !options.tools.is_empty() && !entry.tools;
    refuse(with_tools, "tools", NAME)?;
    for (index, tool) in options.tools.iter().enumerate() {
        let path = format!("tools[{index}].function.strict");
        refuse(tool.strict == Some(true), &path, NAME)?;
    }
    let choice = &options.tool_choice;
    let forced = matches!(choice, Some(ToolChoice::Required | ToolChoice::Function(_)));
    refuse(forced, "tool_choice", NAME)?;
    let one_at_a_time = !options.tools.is_empty() && options.parallel_tool_calls == Some(false);
    refuse(one_at_a_time, "parallel_tool_calls", NAME)?;
    // The service has a JSON mode, but not for streams.
    let shaped = !matches!(options.response_format, None | Some(ResponseFormat::Text));
    refuse(shaped, "response_format.type", NAME)?;
    for (index, message) in request.messages.iter().enumerate() {
        check_message(entry, index, message)?;
    }
    Ok(())
}

fn check_message(entry: &Entry, index: usize, message: &Message) -> Result<(), Error> {
    let is_named = message.name.is_some() && message.role != Role::Tool;
    refuse(is_named, &format!("messages[{index}].name"), NAME)?;
    let of_tools = message.role == Role::Tool || !message.tool_calls.is_empty();
    if of_tools && !entry.tools {
        return Err(unsupported(&format!("messages[{index}].role"), NAME));
    }
    for (part, content) in message.content.iter().enumerate() {
        let Part::Image(image) = content else {
            continue;
        };
        let path = part_path(index, part);
        refuse(!entry.images, &path, NAME)?;
        let detail = image.detail.unwrap_or(ImageDetail::Auto);
        refuse(
            detail != ImageDetail::Auto,
            &format!("{path}.image_url.detail"),
            NAME,
        )?;
    }
    Ok(())
}

/// OpenAI's messages, but for two things: only images make a content of parts, and results say
/// whose they are by name.
fn messages(messages: &[Message]) -> Value {
    let name = |id: &str| {
        messages
            .iter()
            .flat_map(|message| &message.tool_calls)
            .find(|call| call.id == id)
            .map(|call| call.name.as_str())
    };
    let mut out = openai::messages(messages);
    let told = out.as_array_mut().into_iter().flatten();
    for (told, message) in told.zip(messages) {
        let Some(told) = told.as_object_mut() else {
            continue;
        };
        let has_image = message
            .content
            .iter()
            .any(|part| matches!(part, Part::Image(_)));
        if !has_image {
            told.insert("content".to_owned(), json!(message.text()));
        }
        if let Some(name) = message.tool_call_id.as_deref().and_then(name) {
            told.insert("name".to_owned(), json!(name));
        }
    }
    out
}

/// The bound on the answer, which the service counts as used when it checks the prompt's size: a
/// quarter of a small window at most.
pub(super) fn max_tokens(entry: &Entry, request: &ChatRequest) -> u32 {
    let default = entry.context_window.map_or(DEFAULT_MAX_TOKENS, |window| {
        DEFAULT_MAX_TOKENS.min(window / 4)
    });
    request.max_tokens.unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::Image;
    use crate::catalogue::Catalogue;
    use crate::request::testing::{add, asking, calling, field, message, request, result};

    const LLAMA_3: &str = "@cf/meta/llama-3-8b-instruct";
    const LLAMA_4: &str = "@cf/meta/llama-4-scout-17b-16e-instruct";

    fn asked(model: &str, request: &ChatRequest) -> Result<Value, Error> {
        let catalogue = Catalogue::new("").unwrap();
        body(catalogue.find(model).unwrap(), request)
    }

    fn image() -> Message {
        let mut image = message(Role::User, "What is this?");
        image.content.push(Part::Image(Image {
            url: "data:image/png;base64,AAAA".into(),
            detail: None,
        }));
        image
    }

    #[test]
    fn an_ordinary_request_is_as_ever() {
        let mut several = message(Role::User, "one");
        several.content.push(Part::Text("two".into()));
        assert_eq!(
            asked(LLAMA_3, &request(vec![several])).unwrap(),
            json!({
                "messages": [{"role": "user", "content": "one\ntwo"}],
                "stream": true, "max_tokens": 1024,
            })
        );
    }

    #[test]
    fn models_that_can_get_tools_and_images() {
        let mut request = asking(|options| {
            options.tools = vec![add()];
            options.seed = Some(3);
        });
        request.messages = vec![image(), calling("c1", "{}"), result("c1", "2")];
        let body = asked(LLAMA_4, &request).unwrap();
        assert_eq!(body["seed"], 3);
        assert_eq!(body["tools"][0]["function"]["name"], "add");
        assert_eq!(
            body["messages"],
            json!([
                {"role": "user", "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                ]},
                {"role": "assistant", "content": "", "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}},
                ]},
                {"role": "tool", "content": "2", "tool_call_id": "c1", "name": "add"},
            ])
        );
        let none = asking(|options| {
            options.tools = vec![add()];
            options.tool_choice = Some(ToolChoice::None);
        });
        assert!(asked(LLAMA_4, &none).unwrap().get("tools").is_none());
    }

    #[test]
    fn models_that_cannot_refuse_them() {
        let with_tools = asking(|options| options.tools = vec![add()]);
        assert_eq!(field(asked(LLAMA_3, &with_tools)), "tools");
        assert_eq!(
            field(asked(LLAMA_3, &request(vec![image()]))),
            "messages[0].content[1]"
        );
        assert_eq!(
            field(asked(LLAMA_3, &request(vec![calling("c", "{}")]))),
            "messages[0].role"
        );
    }

    #[test]
    fn what_the_service_cannot_do_is_refused_by_name() {
        type Change = fn(&mut Options);
        let cases: [(Change, &str); 5] = [
            (|options| options.stop = vec!["x".into()], "stop"),
            (
                |options| {
                    options.tools = vec![add()];
                    options.tool_choice = Some(ToolChoice::Required);
                },
                "tool_choice",
            ),
            (
                |options| {
                    options.tools = vec![add()];
                    options.parallel_tool_calls = Some(false);
                },
                "parallel_tool_calls",
            ),
            (
                |options| options.response_format = Some(ResponseFormat::JsonObject),
                "response_format.type",
            ),
            (
                |options| options.extra = Some(r#"{"store":true}"#.into()),
                "store",
            ),
        ];
        for (change, named) in cases {
            assert_eq!(field(asked(LLAMA_4, &asking(change))), named);
        }
    }
}
