//! The world `llm` of `wit/llm`.

#[cfg(target_family = "wasm")]
pub(crate) use generated::exports::goldfish::llm::provider::Guest;
pub(crate) use generated::exports::goldfish::llm::types::{
    ChatRequest, Completion, Delta, EmbeddingInput, EmbeddingRequest, Error, ExtraDelta,
    ExtraLevel, FinishReason, FunctionTool, Image, ImageDetail, Invalid, Message, Model, NativeApi,
    NativeEvent, NativeRequest, Options, Part, Prices, ReasoningDelta, ReasoningField,
    ReasoningInput, ResponseFormat, Role, StreamMode, SystemRole, Temporary, TextPart, Tool,
    ToolCall, ToolCallDelta, ToolChoice, Usage,
};
#[cfg(target_family = "wasm")]
pub(crate) use generated::exports::goldfish::llm::types::{Embeddings, ResolvedModel};
#[cfg(test)]
pub(crate) use generated::exports::goldfish::llm::types::{JsonSchema, Reasoning};
#[cfg(target_family = "wasm")]
pub(crate) use generated::{wit_future, wit_stream};

#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    unused,
    clippy::all,
    clippy::restriction,
    reason = "generated"
)]
pub(crate) mod generated {
    wit_bindgen::generate!({
        world: "llm",
        path: "../../../wit/llm",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        generate_all,
        pub_export_macro: true,
        additional_derives: [PartialEq],
    });
}
