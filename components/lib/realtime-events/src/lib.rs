//! Events as clients get them, and publishing them through the proxy.
//!
//! May import the contracts `goldfish:messaging` and `goldfish:realtime`, types of `goldfish:identity`, `team`,
//! `error-mapping` and `http-edge`.
//!
//! A route that has changed something calls [`publish_in_background`]. The event is committed with the change, so
//! whatever happens to the publication, a later one, of anybody, has it.

mod conversation;
mod cursor;
mod frame;
mod names;
mod owner;
mod presence;
mod publish;

pub use conversation::{
    Removal, connection_item, conversation_item, publish_if_configured, removed_frame,
    tell_all_removed_in_background, tell_removed, tell_removed_in_background,
    tell_title_in_background, title_item,
};
pub use cursor::EventId;
pub use frame::{Scope, frame};
pub use names::{
    channel_name, connection_name, conversation_name, conversations_name, feed_name, presence_name,
    proof_name, thread_name, user_name,
};
pub use owner::{owner_of, owner_of_ticket};
pub use presence::{
    OwnPresence, expire_connections, open_connection, presence_frame, set_presence,
    tell_later_if_offline, tell_presence, tell_presence_in_background,
};
pub use publish::{CHECK, close_sockets, publish_in_background, publish_pending, transient_item};
