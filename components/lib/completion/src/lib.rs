//! The pipeline of a completion: ask a model, read its deltas, moderate them, pass them on to the
//! client and the store, and charge for the tokens. Every protocol that streams a completion uses
//! it; a protocol itself only reads requests and encodes deltas.
//!
//! ```text
//! Source ─▶ Moderation ─▶ relay ─┬▶ SendBuffer ─▶ the client
//! (goldfish:llm)                 └▶ StoreQueue ─▶ Storing ─▶ goldfish:conversations
//! Reservation: credits are held before, charged after
//! ```
//!
//! May import the contracts' client bindings, `error-mapping`, `http-edge` and libraries that do no I/O.
//! Knows no protocol and no HTTP request.

mod keep_alive;
mod model;
mod moderation;
mod prompt;
mod relay;
mod report;
mod reservation;
mod send_buffer;
mod size;
mod source;
mod stored;

pub use keep_alive::keep_alive_interval;
pub use model::choose_model;
pub use moderation::{Moderation, check_texts, filter_texts};
pub use prompt::text_message;
pub use relay::{RelayEnd, Relayed, Reply, Silence, Sink, Stop, relay};
pub use report::Report;
pub use reservation::{Payer, Reservation, admit};
pub use send_buffer::{Delivery, SendBuffer, send_buffer};
pub use size::{part_bytes, prompt_bytes, text_of};
pub use source::{Keep, Source};
pub use stored::{
    Evictions, StopSender, StoreDeltas, StoreQueue, StoreStop, StoredReplySink, Storing,
    TextEncoder, store_queue, store_stop,
};
