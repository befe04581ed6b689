//! What the steps of a request have to add to the response's headers and to the log.

use contracts::llm::types::ResolvedModel;
use http_edge::Context;

/// The header that names what was not sent to the provider.
const OMITTED: &str = "x-goldfish-omitted-parameters";
/// Longest value of that header, in bytes.
const OMITTED_BYTES: usize = 1024;

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
        if !resolved.omitted_parameters.is_empty() {
            self.header(OMITTED, header_list(&resolved.omitted_parameters));
        }
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

/// Paths in one header, as many as have room. They come from the client: what is not allowed in a
/// header is replaced.
fn header_list(paths: &[String]) -> String {
    let mut list = String::new();
    for path in paths {
        let separator = if list.is_empty() { "" } else { ", " };
        if list.len() + separator.len() + path.len() > OMITTED_BYTES {
            break;
        }
        list.push_str(separator);
        list.extend(path.chars().map(|c| match c {
            '!'..='+' | '-'..='~' => c,
            _ => '?',
        }));
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_list_replaces_what_a_header_cannot_hold_and_ends_in_time() {
        let list = |paths: &[&str]| {
            let paths: Vec<_> = paths.iter().map(|path| (*path).to_owned()).collect();
            header_list(&paths)
        };
        assert_eq!(
            list(&["seed", "messages[0].name"]),
            "seed, messages[0].name"
        );
        assert_eq!(list(&["a\r\nset-cookie", "é,"]), "a??set-cookie, ??");
        assert_eq!(list(&["a", &"x".repeat(OMITTED_BYTES), "b"]), "a");
    }
}
