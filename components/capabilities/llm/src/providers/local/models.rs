//! The list of models of an OpenAI-compatible server.

use serde::Deserialize;

/// More than anybody chooses from.
const MOST_MODELS: usize = 500;

#[derive(Deserialize)]
struct List {
    data: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    id: String,
}

/// The ids of `GET /models`; none when it is not OpenAI's list. Models that only embed are left out
/// if their names show it.
pub(crate) fn models(body: &[u8]) -> Vec<String> {
    let rows = serde_json::from_slice::<List>(body).map_or_else(|_| Vec::new(), |list| list.data);
    let usable = |id: &String| !id.is_empty() && id.len() <= 200 && !id.contains("embed");
    rows.into_iter()
        .map(|row| row.id)
        .filter(usable)
        .take(MOST_MODELS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_of_a_recorded_list_of_ollama() {
        let body = br#"{"object":"list","data":[{"id":"llama3.2:3b","object":"model","created":1763690000,"owned_by":"library"},{"id":"nomic-embed-text:latest","object":"model","created":1763690000,"owned_by":"library"}]}"#;
        assert_eq!(models(body), ["llama3.2:3b"]);
        assert!(models(b"<html>").is_empty());
    }
}
