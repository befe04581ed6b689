//! Events as clients get them, and publishing them through the proxy.
//!
//! May import the contracts `goldfish:messaging` and `goldfish:realtime`, types of `goldfish:identity`, `team`,
//! `error-mapping` and `http-edge`.
//!
//! A route that has changed something calls [`publish_in_background`]. The event is committed with the change, so
//! whatever happens to the publication, a later one, of anybody, has it.

mod cursor;
mod frame;
mod names;
mod owner;
mod publish;

pub use cursor::EventId;
pub use frame::{Scope, frame};
pub use names::{channel_name, feed_name, presence_name, proof_name, thread_name, user_name};
pub use owner::{owner_of, owner_of_ticket};
pub use publish::{
    close_sockets, close_sockets_in_background, publish_in_background, publish_pending,
    transient_item,
};
