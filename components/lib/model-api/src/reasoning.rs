//! Reasoning that a client keeps and sends back: what its provider needs to accept it again, with the
//! name of that provider, in one text that is opaque to the client.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use contracts::llm::types::ResolvedModel;
use serde::{Deserialize, Serialize};

/// The beginning of such a text. No provider's own data begins with it.
const PREFIX: &str = "gf1.";

/// The content of the text.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Sealed {
    /// The provider that made the reasoning.
    #[serde(rename = "p")]
    pub provider: String,
    /// The id of the model in the catalogue.
    #[serde(rename = "m")]
    pub model: String,
    /// `data` of `goldfish:llm`'s reasoning; none where the provider sent none.
    #[serde(rename = "d", skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
}

/// The text for reasoning of this model.
pub fn seal(resolved: &ResolvedModel, data: Option<&str>) -> String {
    let sealed = Sealed {
        provider: resolved.provider.clone(),
        model: resolved.model.clone(),
        data: data.map(str::to_owned),
    };
    let json = serde_json::to_vec(&sealed).unwrap_or_default();
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(json))
}

/// Whether a text is of [`seal`].
pub fn is_sealed(text: &str) -> bool {
    text.starts_with(PREFIX)
}

/// The content of the text; none if it was not made by [`seal`].
pub fn unseal(text: &str) -> Option<Sealed> {
    let json = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
    serde_json::from_slice(&json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unseal_returns_what_was_sealed_and_nothing_of_other_texts() {
        let resolved = ResolvedModel {
            provider: "local".into(),
            model: "m".into(),
            upstream: "m".into(),
            attempts: 1,
            prices: None,
            omitted_parameters: Vec::new(),
            is_native: false,
        };
        let text = seal(&resolved, Some("{}"));
        assert!(is_sealed(&text));
        let sealed = unseal(&text).unwrap();
        assert_eq!(
            (sealed.provider.as_str(), sealed.data.as_deref()),
            ("local", Some("{}"))
        );
        for other in ["", "gf1.", "gf1.%%%", "gf1.e30", "c2lnbmF0dXJl"] {
            assert_eq!(unseal(other), None, "{other}");
        }
    }
}
