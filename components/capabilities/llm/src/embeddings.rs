//! Embeddings: which model of which provider, what is sent, and how the response is read. Pure.
//! Sources: <https://platform.openai.com/docs/api-reference/embeddings>,
//! <https://developers.cloudflare.com/workers-ai/models/bge-base-en-v1.5/>.

mod demo;

#[cfg(any(target_family = "wasm", test))]
pub(crate) use demo::vectors as demo_vectors;

use crate::bindings::{
    ChatRequest, EmbeddingInput, EmbeddingRequest, Error, Message, Part, Prices, Role, TextPart,
};
use crate::catalogue::{Catalogue, DEMO};
use crate::json::{count_in, object};
use crate::providers::Provider;
use crate::request::{invalid, unsupported};
use serde_json::{Value, json};
use token_estimate::tokens_of;

/// OpenAI's limit of the inputs of one request.
const MOST_INPUTS: usize = 2_048;

/// The built-in models and their prices in millionths of a dollar per million tokens.
/// Sources: <https://platform.openai.com/docs/pricing>,
/// <https://developers.cloudflare.com/workers-ai/platform/pricing/>.
const MODELS: [(&str, Provider, u32); 7] = [
    ("text-embedding-3-small", Provider::OpenAi, 20_000),
    ("text-embedding-3-large", Provider::OpenAi, 130_000),
    ("text-embedding-ada-002", Provider::OpenAi, 100_000),
    ("@cf/baai/bge-small-en-v1.5", Provider::WorkersAi, 20_000),
    ("@cf/baai/bge-base-en-v1.5", Provider::WorkersAi, 67_000),
    ("@cf/baai/bge-large-en-v1.5", Provider::WorkersAi, 204_000),
    ("@cf/baai/bge-m3", Provider::WorkersAi, 12_000),
];

/// A model that makes embeddings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct EmbeddingModel {
    pub(crate) provider: Provider,
    pub(crate) prices: Option<Prices>,
}

/// The response of a provider.
#[derive(Debug, PartialEq)]
pub(crate) struct Vectors {
    pub(crate) vectors: Vec<Vec<f32>>,
    /// None where the provider counts none.
    pub(crate) prompt_tokens: Option<u32>,
}

/// The model of this id. One that is not built in and not in the catalogue is the local server's.
///
/// # Errors
/// `invalid-request` for a model of a provider without embeddings; `unknown-model`.
pub(crate) fn model(
    id: &str,
    catalogue: &Catalogue,
    has_local: bool,
) -> Result<EmbeddingModel, Error> {
    let built_in = MODELS.iter().find(|(name, ..)| *name == id);
    if let Some((_, provider, price)) = built_in {
        let prices = Prices {
            input: *price,
            cached_input: None,
            cache_write: None,
            cache_write_hour: None,
            output: 0,
        };
        return Ok(EmbeddingModel {
            provider: *provider,
            prices: Some(prices),
        });
    }
    let free = |provider| EmbeddingModel {
        provider,
        prices: None,
    };
    match catalogue.find(id).map(|entry| entry.provider) {
        Some(Provider::Local) => Ok(free(Provider::Local)),
        Some(Provider::Demo) => Ok(free(Provider::Demo)),
        Some(provider) => Err(invalid(
            "model",
            format!(
                "names a model without embeddings; this is not supported by {}",
                provider.name()
            ),
        )),
        None if id == DEMO => Ok(free(Provider::Demo)),
        None if has_local => Ok(free(Provider::Local)),
        None => Err(Error::UnknownModel),
    }
}

/// Rejects what no provider accepts.
///
/// # Errors
/// `invalid-request` with the field.
pub(crate) fn check(request: &EmbeddingRequest) -> Result<(), Error> {
    let is_empty = match &request.input {
        EmbeddingInput::Texts(texts) => texts.iter().any(String::is_empty),
        EmbeddingInput::Tokens(tokens) => tokens.iter().any(Vec::is_empty),
    };
    let count = count(request);
    if count == 0 || is_empty {
        return Err(invalid("input", "must not be empty"));
    }
    if count > MOST_INPUTS {
        return Err(invalid(
            "input",
            format!("must have at most {MOST_INPUTS} items"),
        ));
    }
    if request.dimensions == Some(0) {
        return Err(invalid("dimensions", "must be at least 1"));
    }
    Ok(())
}

/// How many vectors are expected.
pub(crate) fn count(request: &EmbeddingRequest) -> usize {
    match &request.input {
        EmbeddingInput::Texts(texts) => texts.len(),
        EmbeddingInput::Tokens(tokens) => tokens.len(),
    }
}

/// The texts as a prompt, for what finds them in errors.
pub(crate) fn as_prompt(request: &EmbeddingRequest) -> ChatRequest {
    let texts = match &request.input {
        EmbeddingInput::Texts(texts) => texts.as_slice(),
        EmbeddingInput::Tokens(_) => &[],
    };
    let part = |text: &String| {
        Part::Text(TextPart {
            text: text.clone(),
            extra: None,
        })
    };
    ChatRequest {
        model: request.model.clone(),
        messages: vec![Message {
            role: Role::User,
            content: texts.iter().map(part).collect(),
            name: None,
            tool_calls: Vec::new(),
            tool_call_id: None,
            extra: None,
        }],
        temperature: None,
        max_tokens: None,
        options: None,
        native: None,
    }
}

/// The estimated tokens of the inputs.
pub(crate) fn estimate(request: &EmbeddingRequest) -> u32 {
    match &request.input {
        EmbeddingInput::Texts(texts) => {
            let tokens = texts.iter().map(|text| tokens_of(text.len()));
            tokens.fold(0, u32::saturating_add)
        }
        EmbeddingInput::Tokens(tokens) => {
            let sizes = tokens.iter().map(Vec::len);
            u32::try_from(sizes.fold(0, usize::saturating_add)).unwrap_or(u32::MAX)
        }
    }
}

/// The body in OpenAI's format. It requests numbers, since not every server supports base64.
pub(crate) fn openai_body(request: &EmbeddingRequest) -> Value {
    let input = match &request.input {
        EmbeddingInput::Texts(texts) => json!(texts),
        EmbeddingInput::Tokens(tokens) => json!(tokens),
    };
    let mut body = json!({"model": request.model, "input": input, "encoding_format": "float"});
    if let Some(members) = body.as_object_mut() {
        if let Some(dimensions) = request.dimensions {
            members.insert("dimensions".to_owned(), json!(dimensions));
        }
        if let Some(user) = &request.end_user {
            members.insert("user".to_owned(), json!(user));
        }
    }
    body
}

/// The body of Workers AI.
///
/// # Errors
/// `invalid-request` for tokens and dimensions, which it does not take.
pub(crate) fn workers_ai_body(request: &EmbeddingRequest) -> Result<Value, Error> {
    let name = Provider::WorkersAi.name();
    if request.dimensions.is_some() {
        return Err(unsupported("dimensions", name));
    }
    match &request.input {
        EmbeddingInput::Texts(texts) => Ok(json!({ "text": texts })),
        EmbeddingInput::Tokens(_) => Err(invalid(
            "input",
            format!("must be text, because tokens are not supported by {name}"),
        )),
    }
}

/// The vectors of a response in OpenAI's shape, in the order of the inputs, or in Workers AI's; none if
/// it is neither or has not `count` of them.
pub(crate) fn read(body: &[u8], count: usize) -> Option<Vectors> {
    let body = object(std::str::from_utf8(body).ok()?)?;
    let result = body.get("result").and_then(Value::as_object);
    let list = match result {
        Some(result) => result.get("data")?,
        None => body.get("data")?,
    };
    let mut numbered: Vec<(usize, Vec<f32>)> = list
        .as_array()?
        .iter()
        .enumerate()
        .map(|(position, item)| {
            let index = item.get("index").and_then(Value::as_u64);
            let index = index.and_then(|index| usize::try_from(index).ok());
            let numbers = item.get("embedding").unwrap_or(item);
            Some((index.unwrap_or(position), vector(numbers)?))
        })
        .collect::<Option<_>>()?;
    numbered.sort_by_key(|(index, _)| *index);
    let is_whole = numbered.len() == count
        && numbered
            .iter()
            .enumerate()
            .all(|(position, (index, _))| position == *index);
    is_whole.then(|| Vectors {
        vectors: numbered.into_iter().map(|(_, vector)| vector).collect(),
        prompt_tokens: body
            .get("usage")
            .and_then(|usage| count_in(usage, "prompt_tokens")),
    })
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "embeddings have the precision of f32"
)]
fn vector(numbers: &Value) -> Option<Vec<f32>> {
    let numbers = numbers.as_array()?;
    let vector: Vec<f32> = numbers
        .iter()
        .map(|number| number.as_f64().map(|number| number as f32))
        .collect::<Option<_>>()?;
    (!vector.is_empty()).then_some(vector)
}

#[cfg(test)]
mod tests;
