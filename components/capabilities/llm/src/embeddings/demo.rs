//! Embeddings of the built-in test program: words are hashed into a vector (feature hashing), so that
//! texts with the same words are near each other. It knows nothing of what words mean.

use crate::bindings::{EmbeddingInput, EmbeddingRequest};

const DIMENSIONS: u32 = 256;

/// A vector of length 1 for each input.
pub(crate) fn vectors(request: &EmbeddingRequest) -> Vec<Vec<f32>> {
    let dimensions = request.dimensions.unwrap_or(DIMENSIONS).min(4_096);
    match &request.input {
        EmbeddingInput::Texts(texts) => texts
            .iter()
            .map(|text| {
                let words = text.split(|character: char| !character.is_alphanumeric());
                let words = words.filter(|word| !word.is_empty());
                vector(
                    words.map(|word| hash(word.to_lowercase().as_bytes())),
                    dimensions,
                )
            })
            .collect(),
        EmbeddingInput::Tokens(inputs) => inputs
            .iter()
            .map(|tokens| {
                let hashes = tokens.iter().map(|token| hash(&token.to_le_bytes()));
                vector(hashes, dimensions)
            })
            .collect(),
    }
}

fn vector(hashes: impl Iterator<Item = u64>, dimensions: u32) -> Vec<f32> {
    let mut vector = vec![0.0_f32; usize::try_from(dimensions).unwrap_or(1)];
    for hash in hashes {
        let place = usize::try_from(hash % u64::from(dimensions)).unwrap_or(0);
        let sign = if hash >> 63 == 0 { 1.0 } else { -1.0 };
        if let Some(value) = vector.get_mut(place) {
            *value += sign;
        }
    }
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    } else if let Some(first) = vector.first_mut() {
        *first = 1.0;
    }
    vector
}

/// FNV-1a, mixed so that its high bits depend on all bytes.
fn hash(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash ^= hash >> 32;
    hash.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
