//! Reading a request for embeddings.
//! Source: <https://platform.openai.com/docs/api-reference/embeddings/create>.

use completion::check_texts;
use contracts::llm::types::{EmbeddingInput, EmbeddingRequest};
use http_edge::ApiError;
use model_api::Fields;
use serde_json::Value;

use crate::encode::Format;

const WRONG_INPUT: &str =
    "must be a string, a list of strings, a list of tokens or a list of those";

/// OpenAI's limit of the inputs of one request.
const MOST_INPUTS: usize = 2_048;

/// The size that a token counts for, in bytes of text.
const BYTES_PER_TOKEN: usize = 4;

/// The request, and the form of the vectors.
pub(crate) fn read(body: Value) -> Result<(EmbeddingRequest, Format), ApiError> {
    if !body.is_object() {
        return Err(ApiError::invalid("body", "must be an object"));
    }
    let mut fields = Fields::of(body, String::new())?;
    let model = fields.required_text("model")?;
    let input = match fields.take("input") {
        Some(input) => read_input(input)?,
        None => return Err(ApiError::invalid("input", "is missing")),
    };
    let format = match fields.text("encoding_format")?.as_deref() {
        None | Some("float") => Format::Float,
        Some("base64") => Format::Base64,
        Some(_) => return Err(fields.wrong("encoding_format", "must be float or base64")),
    };
    let dimensions = fields.count("dimensions")?;
    if dimensions == Some(0) {
        return Err(ApiError::invalid("dimensions", "must be at least 1"));
    }
    let request = EmbeddingRequest {
        model,
        input,
        dimensions,
        end_user: fields.text("user")?,
    };
    Ok((request, format))
}

fn read_input(input: Value) -> Result<EmbeddingInput, ApiError> {
    let wrong = || ApiError::invalid("input", WRONG_INPUT);
    let items = match input {
        Value::String(text) => vec![Value::String(text)],
        Value::Array(items) => items,
        _ => return Err(wrong()),
    };
    let input = match items.first() {
        None => return Err(ApiError::invalid("input", "must not be empty")),
        Some(Value::String(_)) => {
            let text = |item: Value| match item {
                Value::String(text) => Ok(text),
                _ => Err(wrong()),
            };
            EmbeddingInput::Texts(items.into_iter().map(text).collect::<Result<_, _>>()?)
        }
        Some(Value::Number(_)) => EmbeddingInput::Tokens(vec![tokens(&items).ok_or_else(wrong)?]),
        Some(_) => {
            let list = |item: &Value| item.as_array().and_then(|items| tokens(items));
            let lists: Option<_> = items.iter().map(list).collect();
            EmbeddingInput::Tokens(lists.ok_or_else(wrong)?)
        }
    };
    let (count, has_empty) = match &input {
        EmbeddingInput::Texts(texts) => (texts.len(), texts.iter().any(String::is_empty)),
        EmbeddingInput::Tokens(lists) => (lists.len(), lists.iter().any(Vec::is_empty)),
    };
    if has_empty {
        return Err(ApiError::invalid("input", "must not be empty"));
    }
    if count > MOST_INPUTS {
        let message = format!("must have at most {MOST_INPUTS} items");
        return Err(ApiError::invalid("input", message));
    }
    Ok(input)
}

fn tokens(items: &[Value]) -> Option<Vec<u32>> {
    let token = |item: &Value| item.as_u64().and_then(|token| u32::try_from(token).ok());
    items.iter().map(token).collect()
}

/// Moderates the texts. Tokens are not readable.
pub(crate) async fn moderate(request: &mut EmbeddingRequest) -> Result<(), ApiError> {
    let EmbeddingInput::Texts(texts) = &mut request.input else {
        return Ok(());
    };
    let texts = texts.iter_mut().enumerate();
    check_texts(
        texts
            .map(|(index, text)| (format!("input[{index}]"), text))
            .collect(),
    )
    .await
}

/// The size of the input in bytes of text.
pub(crate) fn bytes(request: &EmbeddingRequest) -> usize {
    match &request.input {
        EmbeddingInput::Texts(texts) => {
            texts.iter().map(String::len).fold(0, usize::saturating_add)
        }
        EmbeddingInput::Tokens(lists) => lists
            .iter()
            .map(|tokens| tokens.len().saturating_mul(BYTES_PER_TOKEN))
            .fold(0, usize::saturating_add),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn input(value: Value) -> Result<EmbeddingInput, ApiError> {
        read(json!({"model": "m", "input": value})).map(|(request, _)| request.input)
    }

    #[test]
    fn read_takes_texts_and_tokens_alone_and_in_lists() {
        let texts = |value| match input(value) {
            Ok(EmbeddingInput::Texts(texts)) => texts,
            other => panic!("{other:?}"),
        };
        assert_eq!(texts(json!("a")), ["a"]);
        assert_eq!(texts(json!(["a", "b"])), ["a", "b"]);
        let tokens = |value| match input(value) {
            Ok(EmbeddingInput::Tokens(lists)) => lists,
            other => panic!("{other:?}"),
        };
        assert_eq!(tokens(json!([1, 2])), [[1, 2]]);
        assert_eq!(tokens(json!([[1], [2, 3]])), [vec![1], vec![2, 3]]);
    }

    #[test]
    fn read_names_what_is_wrong() {
        for value in [
            json!(null),
            json!(7),
            json!({}),
            json!([]),
            json!(""),
            json!(["a", ""]),
            json!([[]]),
            json!(["a", 1]),
            json!([1, "a"]),
            json!([-1]),
            json!([1.5]),
            json!(vec!["a"; 2_049]),
        ] {
            let Err(ApiError::Validation(details)) = input(value.clone()) else {
                panic!("{value}")
            };
            assert_eq!(details[0].path, "input", "{value}");
        }
        for (members, path) in [
            (json!({"input": "a"}), "model"),
            (
                json!({"model": "m", "input": "a", "encoding_format": "hex"}),
                "encoding_format",
            ),
            (
                json!({"model": "m", "input": "a", "dimensions": 0}),
                "dimensions",
            ),
            (json!([]), "body"),
        ] {
            let Err(ApiError::Validation(details)) = read(members.clone()) else {
                panic!("{members}")
            };
            assert_eq!(details[0].path, path);
        }
    }

    #[test]
    fn read_without_a_format_is_float() {
        let format = |value: Value| {
            read(json!({"model": "m", "input": "a", "encoding_format": value}))
                .unwrap()
                .1
        };
        assert_eq!(format(json!(null)), Format::Float);
        assert_eq!(format(json!("float")), Format::Float);
        assert_eq!(format(json!("base64")), Format::Base64);
    }
}
