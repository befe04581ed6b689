//! Files that come with messages: what clients send becomes references to stored files, and these become parts
//! of the prompt, again for each reply.
//!
//! | module | |
//! |---|---|
//! | [`given`] | what clients send: ids, URLs and data |
//! | [`references`] | what is stored with the message |
//! | [`content`] | what a model receives of a file, within limits |
//! | [`prompt`] | the parts of the message that is answered, and of those before it |

mod content;
mod given;
mod prompt;
mod references;

pub(crate) use content::Budget;
pub(crate) use given::{Given, MAX_ATTACHMENTS};
pub(crate) use prompt::{Answered, earlier};
pub(crate) use references::{discard, refer};
