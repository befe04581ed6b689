//! The request of Workers AI's text generation.
//! Source: <https://developers.cloudflare.com/workers-ai/get-started/rest-api/>.

use super::config::Config;
use crate::bindings::{ChatRequest, Error, ImageDetail, Message, Part, Role, ToolChoice};
use crate::catalogue::Entry;
use crate::outbound::OutboundRequest;
use crate::providers::openai::messages::messages as openai_messages;
use crate::providers::openai::request::{is_streamed, set_sampling, tools};
use crate::request::{Omitted, Prompt, extra, is_nothing, part_path, prompt, reject, unsupported};
use crate::secret::Secret;
use serde_json::{Map, Value, json};

/// The name of the provider in errors.
const NAME: &str = "workers-ai";

/// The service's own limit is 256, which cuts most replies.
const DEFAULT_MAX_TOKENS: u32 = 1_024;

/// Parameters of the service itself, which are sent unchanged.
const OWN_PARAMETERS: [&str; 4] = ["lora", "raw", "repetition_penalty", "top_k"];

/// The request, and the parameters that are not in it.
///
/// # Errors
/// `misconfigured` if the base URL is none; `unknown-model` if the model's name cannot be part of
/// one; `invalid-request` for what the service or the model does not take.
pub(crate) fn chat(
    config: &Config,
    key: &Secret,
    entry: &Entry,
    request: &ChatRequest,
) -> Result<(OutboundRequest, Omitted), Error> {
    let name = &entry.upstream;
    let is_plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"@/._-:".contains(&byte));
    if !is_plain
        || name
            .split('/')
            .any(|part| part.is_empty() || part == "." || part == "..")
    {
        return Err(Error::UnknownModel);
    }
    let (body, omitted) = body(entry, request)?;
    let url = format!("{}/{name}", config.run_url);
    Ok((OutboundRequest::post(&url, &body)?.bearer(key), omitted))
}

fn body(entry: &Entry, request: &ChatRequest) -> Result<(Value, Omitted), Error> {
    reject(entry, request)?;
    let options = request.options();
    for (index, tool) in options.functions() {
        if tool.strict == Some(true) {
            return Err(unsupported(
                &format!("tools[{index}].function.strict"),
                NAME,
            ));
        }
    }
    let mut omitted = Omitted::default();
    let mut body = Map::new();
    for (name, value) in options.extra() {
        match name.as_str() {
            "n" | "stream_options" => {}
            own if OWN_PARAMETERS.contains(&own) => {
                body.insert(name, value);
            }
            other => omitted.extra(other, &value, NAME)?,
        }
    }
    let prompt = prompt(&request.messages, entry.alternating_roles);
    body.insert(
        "messages".to_owned(),
        messages(&prompt, entry, &mut omitted)?,
    );
    body.insert("stream".to_owned(), json!(is_streamed(entry, options)));
    body.insert("max_tokens".to_owned(), json!(max_tokens(entry, request)));
    set_sampling(entry, request, &mut body, &mut omitted);
    omitted.unless(false, options.end_user.is_some(), "user");
    // Without tools there is nothing to choose.
    if !options.tools.is_empty() && options.tool_choice != Some(ToolChoice::None) {
        body.insert("tools".to_owned(), tools(&options.tools));
    }
    Ok((Value::Object(body), omitted))
}

/// OpenAI's messages, except that only images make a content of parts, and that results name their
/// tool.
fn messages(prompt: &Prompt<'_>, entry: &Entry, omitted: &mut Omitted) -> Result<Value, Error> {
    let mut plain = prompt.clone();
    for next in &mut plain {
        let index = next.index;
        let message = next.message.to_mut();
        check(entry, index, message)?;
        for name in message.extra().keys() {
            omitted.add(format!("messages[{index}].{name}"));
        }
        message.extra = None;
        let is_named = message.name.take().is_some() && message.role != Role::Tool;
        omitted.unless(false, is_named, &format!("messages[{index}].name"));
        for (position, part) in message.content.iter_mut().enumerate() {
            let fields = match part {
                Part::Text(text) => text.extra.take(),
                Part::Image(image) => {
                    let path = format!("{}.image_url.detail", part_path(index, position));
                    let detail = image.detail.take().unwrap_or(ImageDetail::Auto);
                    omitted.unless(false, detail != ImageDetail::Auto, &path);
                    image.extra.take()
                }
                Part::Reasoning(_) | Part::Other(_) => None,
            };
            for (name, value) in extra(fields.as_deref()) {
                let path = format!("{}.{name}", part_path(index, position));
                omitted.unless(false, !is_nothing(&value), &path);
            }
        }
        for call in &mut message.tool_calls {
            call.extra = None;
        }
    }
    let mut out = openai_messages(&plain, entry);
    let tool_name = |id: &str| {
        let calls = prompt.iter().flat_map(|next| &next.message.tool_calls);
        calls
            .into_iter()
            .find(|call| call.id == id)
            .map(|call| call.name.as_str())
    };
    for message in out.as_array_mut().into_iter().flatten() {
        let Some(message) = message.as_object_mut() else {
            continue;
        };
        let id = message.get("tool_call_id").and_then(Value::as_str);
        let name = id.and_then(tool_name).map(|name| json!(name));
        message.extend(name.map(|name| ("name".to_owned(), name)));
        let text = match message.get("content") {
            Some(Value::Null) => Some(String::new()),
            Some(Value::Array(parts)) => joined(parts),
            _ => None,
        };
        message.extend(text.map(|text| ("content".to_owned(), json!(text))));
    }
    Ok(out)
}

/// Parts of text as one text; none if there is another part.
fn joined(parts: &[Value]) -> Option<String> {
    let texts: Option<Vec<&str>> = parts
        .iter()
        .map(|part| part.get("text").and_then(Value::as_str))
        .collect();
    Some(texts?.join("\n"))
}

/// Rejects what the catalogue says that the model does not take.
fn check(entry: &Entry, index: usize, message: &Message) -> Result<(), Error> {
    let has_tools = message.role == Role::Tool || !message.tool_calls.is_empty();
    if has_tools && !entry.takes("tools") {
        return Err(unsupported(&format!("messages[{index}].role"), NAME));
    }
    for (position, part) in message.content.iter().enumerate() {
        let path = part_path(index, position);
        match part {
            Part::Image(_) if !entry.images => return Err(unsupported(&path, NAME)),
            Part::Other(_) => return Err(unsupported(&format!("{path}.type"), NAME)),
            _ => {}
        }
    }
    Ok(())
}

/// The limit of the completion, which the service counts as used when it checks the prompt's size: a
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
    use crate::bindings::{Image, Options, ResponseFormat};
    use crate::catalogue::Catalogue;
    use crate::request::testing::{add, asking, calling, field, message, request, result, text};

    const LLAMA_3: &str = "@cf/meta/llama-3-8b-instruct";
    const LLAMA_4: &str = "@cf/meta/llama-4-scout-17b-16e-instruct";

    fn sent_body(model: &str, request: &ChatRequest) -> Result<Value, Error> {
        let catalogue = Catalogue::new("").unwrap();
        Ok(body(catalogue.find(model).unwrap(), request)?.0)
    }

    fn image() -> Message {
        let mut image = message(Role::User, "What is this?");
        image.content.push(Part::Image(Image {
            url: "data:image/png;base64,AAAA".into(),
            detail: None,
            extra: None,
        }));
        image
    }

    #[test]
    fn an_ordinary_request_is_as_ever() {
        let mut several = message(Role::User, "one");
        several.content.push(text("two"));
        assert_eq!(
            sent_body(LLAMA_3, &request(vec![several])).unwrap(),
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
        let body = sent_body(LLAMA_4, &request).unwrap();
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
        assert!(sent_body(LLAMA_4, &none).unwrap().get("tools").is_none());
    }

    #[test]
    fn models_that_cannot_refuse_them() {
        let with_tools = asking(|options| options.tools = vec![add()]);
        assert_eq!(field(sent_body(LLAMA_3, &with_tools)), "tools");
        assert_eq!(
            field(sent_body(LLAMA_3, &request(vec![image()]))),
            "messages[0].content[1]"
        );
        assert_eq!(
            field(sent_body(LLAMA_3, &request(vec![calling("c", "{}")]))),
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
                |options| options.extra = Some(r#"{"logprobs":true}"#.into()),
                "logprobs",
            ),
        ];
        for (change, named) in cases {
            assert_eq!(field(sent_body(LLAMA_4, &asking(change))), named);
        }
    }

    #[test]
    fn fields_without_a_counterpart_are_named() {
        let mut request = asking(|options| {
            options.end_user = Some("u".into());
            options.extra = Some(r#"{"store":true,"top_k":4}"#.into());
        });
        request.messages[0].name = Some("ann".into());
        let catalogue = Catalogue::new("").unwrap();
        let (body, omitted) = body(catalogue.find(LLAMA_4).unwrap(), &request).unwrap();
        assert_eq!(omitted.into_names(), ["store", "messages[0].name", "user"]);
        assert_eq!(body["top_k"], 4);
        assert_eq!(body["messages"], json!([{"role": "user", "content": "Hi"}]));
    }
}
