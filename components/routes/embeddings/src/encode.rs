//! Vectors in OpenAI's JSON.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contracts::llm::types::Embeddings;
use serde_json::{Value, json};

/// The form of the vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Lists of numbers.
    Float,
    /// Base64 of 32-bit floats, little-endian.
    Base64,
}

/// The list of vectors, and the usage.
pub(crate) fn list(embeddings: &Embeddings, format: Format) -> Value {
    let data: Vec<Value> = embeddings
        .vectors
        .iter()
        .enumerate()
        .map(|(index, vector)| {
            json!({"object": "embedding", "index": index, "embedding": encoded(vector, format)})
        })
        .collect();
    json!({
        "object": "list",
        "data": data,
        "model": embeddings.model,
        "usage": {
            "prompt_tokens": embeddings.prompt_tokens,
            "total_tokens": embeddings.prompt_tokens,
        },
    })
}

fn encoded(vector: &[f32], format: Format) -> Value {
    match format {
        Format::Float => json!(vector),
        Format::Base64 => {
            let bytes: Vec<u8> = vector
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect();
            STANDARD.encode(bytes).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_base64_is_of_little_endian_floats() {
        assert_eq!(encoded(&[1.0, -2.5], Format::Base64), json!("AACAPwAAIMA="));
        assert_eq!(encoded(&[1.0, -2.5], Format::Float), json!([1.0, -2.5]));
    }
}
