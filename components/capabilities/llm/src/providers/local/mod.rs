//! Any OpenAI-compatible server: Ollama, llama.cpp, vLLM, LM Studio. It is understood as OpenAI is.

pub(crate) mod client;
pub(crate) mod config;
pub(crate) mod conversions;
