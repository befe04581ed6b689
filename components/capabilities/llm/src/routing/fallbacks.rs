//! The fallbacks of models: the variable `model_fallbacks`, for example
//! `{"gpt-4o": ["claude-sonnet-5", "demo"]}`. The fallbacks of a fallback are not used.

use crate::bindings::Error;
use std::collections::BTreeMap;

/// More than are ever used.
const MOST: usize = 9;

/// The fallbacks of each model, in order.
#[derive(Debug, Default)]
pub(crate) struct Fallbacks(BTreeMap<String, Vec<String>>);

impl Fallbacks {
    /// Reads the variable; empty is none.
    ///
    /// # Errors
    /// `other` when it is not an object of lists of ids.
    pub(crate) fn new(json: &str) -> Result<Self, Error> {
        if json.is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_str(json).map(Self).map_err(|error| {
            Error::Misconfigured(format!(
                "the variable `model_fallbacks` is not an object of lists of models: line {}, column {}",
                error.line(),
                error.column()
            ))
        })
    }

    /// The fallbacks of a model, each once.
    pub(crate) fn of(&self, model: &str) -> Vec<String> {
        let mut of_model = Vec::new();
        for id in self.0.get(model).into_iter().flatten() {
            if id != model && !of_model.contains(id) && of_model.len() < MOST {
                of_model.push(id.clone());
            }
        }
        of_model
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_returns_each_fallback_once() {
        let fallbacks = Fallbacks::new(r#"{"a": ["b", "a", "c", "b"], "d": []}"#).unwrap();
        assert_eq!(fallbacks.of("a"), ["b", "c"]);
        assert!(fallbacks.of("b").is_empty() && fallbacks.of("d").is_empty());
        assert!(Fallbacks::new("").unwrap().of("a").is_empty());
    }

    #[test]
    fn new_with_an_invalid_variable_is_an_error_without_its_text() {
        for json in ["secret", "[]", r#"{"a": "b"}"#, r#"{"a": [1]}"#] {
            let Err(Error::Misconfigured(text)) = Fallbacks::new(json) else {
                panic!("{json}")
            };
            assert!(!text.contains("secret"));
        }
    }
}
