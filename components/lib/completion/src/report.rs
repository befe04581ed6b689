//! What the steps of a request have to add to the response's headers and to the log.

use contracts::llm::types::ResolvedModel;
use http_edge::Context;

/// Collected while a request is processed, applied once. The steps themselves see no HTTP context.
#[derive(Debug, Default)]
pub struct Report {
    headers: Vec<(&'static str, String)>,
    /// An id of the catalogue.
    model: Option<String>,
    tokens: Option<(u32, u32)>,
    warnings: Vec<String>,
}

impl Report {
    /// A header of the response, whether it is a success or an error.
    pub fn header(&mut self, name: &'static str, value: impl Into<String>) {
        self.headers.push((name, value.into()));
    }

    /// Several headers.
    pub fn headers(&mut self, headers: Vec<(&'static str, String)>) {
        self.headers.extend(headers);
    }

    /// The model that is asked, for the log.
    pub fn model(&mut self, id: &str) {
        self.model = Some(id.to_owned());
    }

    /// The model that answers, for the log and for the client.
    pub fn resolved(&mut self, resolved: &ResolvedModel) {
        self.model(&resolved.model);
        self.header("x-goldfish-provider", resolved.provider.clone());
        self.header("x-goldfish-model", resolved.model.clone());
        self.header("x-goldfish-attempts", resolved.attempts.to_string());
    }

    /// Tokens of prompt and completion, for the log.
    pub fn tokens(&mut self, prompt: u32, completion: u32) {
        self.tokens = Some((prompt, completion));
    }

    /// A failure that does not change the response, for the log.
    pub fn warn(&mut self, result: Result<(), String>) {
        self.warnings.extend(result.err());
    }

    /// Sets the headers and writes to the log record.
    pub fn apply(self, context: &mut Context) {
        for (name, value) in self.headers {
            context.set_header(name, value);
        }
        if let Some(model) = &self.model {
            context.log.model(model);
        }
        if let Some((prompt, completion)) = self.tokens {
            context.log.tokens(prompt, completion);
        }
        for warning in &self.warnings {
            context.log.warn(warning);
        }
    }
}
