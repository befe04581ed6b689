//! A reply in OpenAI's JSON: as chunks, or as one object.

mod chunks;
mod extra;
mod label;
mod object;
mod thinking;
mod tool_call;
mod usage;

pub(crate) use chunks::ChunkEncoder;
pub(crate) use label::{Label, Shape};
pub(crate) use object::ReplyMessage;

#[cfg(test)]
mod tests;
