//! What the routes of team messaging share: who asks, how fields are changed, pages, and the parts of
//! responses that several of them have.
//!
//! May import the contracts `goldfish:identity`, `goldfish:quota` and `goldfish:messaging`, `access`,
//! `operator`, `error-mapping` and `http-edge`.

mod asker;
mod link_target;
mod nullable;
mod pages;
mod view;

/// What is wrong with a change that changes nothing.
pub const NOTHING_TO_UPDATE: &str = "Provide at least one property to update.";

pub use asker::{actor, ensure_profile, joining_user, posting_user, user, user_id};
pub use link_target::require_own_url;
pub use nullable::{nullable, text_change};
pub use operator::is_operator;
pub use pages::{MAX_LIMIT, PageQuery, page_request, respond_with_list};
pub use view::{ChannelView, Done, RoleName, UnreadView, UserSummaryView, UtcTime};
