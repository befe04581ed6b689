//! The keys in the store. User ids and ids of files may be part of a key; the exports check that.

/// The journal of a user's index.
pub(crate) fn index(owner: &str) -> String {
    format!("files:u:{owner}")
}

/// The list of the ids of a user's files.
pub(crate) fn list(owner: &str) -> String {
    format!("files:l:{owner}")
}

/// The key of a file's record: everything but its content.
pub(crate) fn record(id: &str) -> String {
    format!("files:f:{id}")
}

/// The blob of a file's content.
pub(crate) fn content(id: &str) -> String {
    format!("files:b:{id}")
}

/// A text that was made of a file: the id of its owner, a line break, and the text.
pub(crate) fn text(id: &str) -> String {
    format!("files:t:{id}")
}

/// When an upload was last seen alive, if that was some time after it began.
pub(crate) fn lease(id: &str) -> String {
    format!("files:w:{id}")
}

/// The journal of the key that signs URLs.
pub(crate) const SECRET: &str = "files:secret";

/// A key to see whether the store responds.
#[cfg(target_family = "wasm")]
pub(crate) const CHECK: &str = "files:check";
