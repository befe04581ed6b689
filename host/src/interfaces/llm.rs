//! `fermyon:spin/llm@2.0.0`, serverless AI: linked so that components that import it can start. This
//! host has no models.

use crate::bindings::fermyon::spin::llm;
use crate::guest::Guest;

impl llm::Host for Guest {
    fn infer(
        &mut self,
        _model: String,
        _prompt: String,
        _parameters: Option<llm::InferencingParams>,
    ) -> wasmtime::Result<Result<llm::InferencingResult, llm::Error>> {
        Ok(Err(llm::Error::ModelNotSupported))
    }

    fn generate_embeddings(
        &mut self,
        _model: String,
        _text: Vec<String>,
    ) -> wasmtime::Result<Result<llm::EmbeddingsResult, llm::Error>> {
        Ok(Err(llm::Error::ModelNotSupported))
    }
}
