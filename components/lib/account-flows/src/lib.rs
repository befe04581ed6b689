//! Operations on accounts that several routes offer and that need more than one capability:
//! registration, account emails, deletion.
//!
//! May import the contracts and `access`. Builds no responses.

mod deletion;
mod emails;
mod registration;

pub use deletion::{Confirmation, delete_own_account, erase_user};
pub use emails::{
    is_allowed_link_target, send_password_changed, send_password_reset, send_verification,
};
pub use registration::{authenticated_guest, register};
