//! Any OpenAI-compatible server: Ollama, llama.cpp, vLLM, LM Studio. Its responses are read as
//! OpenAI's.

pub(crate) mod config;
pub(crate) mod models;
pub(crate) mod request;
