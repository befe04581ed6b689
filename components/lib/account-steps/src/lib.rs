//! What more than one route does with an account and takes more than one capability: registering a
//! guest, sending letters, erasing a user.
//!
//! May import the contracts and `access`; makes no answers.

mod erasure;
mod letters;
mod registration;

pub use erasure::{Consent, erase, withdraw};
pub use letters::{may_lead_to, send_reset, send_verification, tell_of_change};
pub use registration::{guest_of, register};
