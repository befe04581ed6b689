//! Moves files between HTTP and `goldfish:files`, for every route that takes files.
//!
//! May import the types of `goldfish:conversations`, the contract `goldfish:files`, `http-edge`, `access` and `error-mapping`.
//!
//! | module | |
//! |---|---|
//! | `sending` | a body, or a part of a form, into the store |
//! | `form` | a form with one file |
//! | `view` | a file as JSON, and its URL |
//! | `reading` | who may read a file |

mod form;
mod reading;
mod sending;
mod view;

pub use form::{FileField, take_one};
pub use reading::readable;
pub use sending::{Sender, put};
pub use view::{AttachmentView, FileView, content_path, content_url, file_of_url, origin};
