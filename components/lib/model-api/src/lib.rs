//! The common parts of the routes of model APIs (`/v1/…`): reading requests, moderating them, and the steps from
//! a request to the model's reply. A route adds a decoder, which makes a prompt of a request, and an
//! encoder, which makes bytes of deltas.
//!
//! May import `access`, `completion` and what they may import. Knows no path.

mod ask;
pub mod fields;
pub mod openai_errors;
mod origins;
mod reasoning;
mod respond;
mod stream;
mod texts;
mod tools;
mod whole;

pub use ask::{BegunReply, ask, authenticate, prompt_bytes};
pub use fields::Fields;
pub use origins::Origins;
pub use reasoning::{Sealed, is_sealed, seal, unseal};
pub use respond::ObjectEncoder;
pub use stream::{ReplyStream, StreamEncoder, content_filtered};
pub use texts::{Texts, moderate_messages};
pub use tools::{read_tool_choice, read_tools};
pub use whole::{WholeReply, collect};
