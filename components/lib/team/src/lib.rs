//! What the routes of team messaging share: who asks, how fields are changed, pages, the parts of responses
//! that several of them have, and deleting the files of deleted messages.
//!
//! May import the contracts `goldfish:identity`, `goldfish:quota`, `goldfish:messaging` and `goldfish:files`,
//! `access`, `operator`, `error-mapping` and `http-edge`.

mod asker;
mod detached_files;
mod message_view;
mod nullable;
mod pages;
mod view;

/// What is wrong with a change that changes nothing.
pub const NOTHING_TO_UPDATE: &str = "Provide at least one property to update.";

pub use asker::{actor, ensure_profile, joining_user, posting_user, user, user_id};
pub use detached_files::delete_detached_files;
pub use message_view::{KindName, MessageView};
pub use nullable::{nullable, text_change};
pub use operator::is_operator;
pub use pages::{MAX_LIMIT, PageQuery, page_request, respond_with_list};
pub use view::{ChannelView, Done, RoleName, UnreadView, UserSummaryView, UtcTime};
