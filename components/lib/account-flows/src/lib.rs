//! Operations on accounts that several routes offer and that need more than one capability:
//! registration, account emails, deletion.
//!
//! May import the contracts and `access`. Builds no responses.

mod deletion;
mod emails;
mod profiles;
mod registration;

pub use deletion::{
    Confirmation, confirm_deletion, delete_own_account, erase_own_account, erase_user,
    has_fresh_session,
};
pub use emails::{
    is_allowed_link_target, send_email_change, send_password_changed, send_password_reset,
    send_verification,
};
pub use profiles::{ensure_profile, update_profile};
pub use registration::{authenticated_guest, register};
