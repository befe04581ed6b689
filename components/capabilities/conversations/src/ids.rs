//! What may become part of a key, and the keys.

use journal::{Journal, Platform};

use crate::error::Error;

/// Longer user ids would not leave room for the rest of a key (255 bytes).
const USER_ID_MAX: usize = 128;

/// The journal of a user.
pub(crate) fn journal_of<P: Platform>(platform: P, user: &str) -> Result<Journal<P>, Error> {
    let fits = (1..=USER_ID_MAX).contains(&user.len());
    let clean = user
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
    if fits && clean {
        Ok(Journal::new(platform, format!("conv:{user}")))
    } else {
        Err(Error::Invalid("user: not a user id".to_owned()))
    }
}

/// A client's conversation id in the form we store. What is no UUID names no conversation.
pub(crate) fn conversation_id(id: &str) -> Result<String, Error> {
    match uuid::Uuid::try_parse(id) {
        Ok(uuid) => Ok(uuid.hyphenated().to_string()),
        Err(_) => Err(Error::NotFound),
    }
}

pub(crate) fn new_id() -> String {
    uuid::Uuid::new_v4().hyphenated().to_string()
}

/// Where the end of the reply that entry `number` asked for is.
pub(crate) fn reply_key<P: Platform>(journal: &Journal<P>, number: u64) -> String {
    journal.key(format_args!("r:{number}"))
}

/// Where the `k`-th delta of that reply is.
pub(crate) fn piece_key<P: Platform>(journal: &Journal<P>, number: u64, k: u64) -> String {
    journal.key(format_args!("r:{number}:{k}"))
}

/// Where readers notify the writer of that reply.
pub(crate) fn notification_key<P: Platform>(journal: &Journal<P>, number: u64) -> String {
    journal.key(format_args!("r:{number}:b"))
}

/// Where the `k`-th segment of a conversation is, which is at that place.
pub(crate) fn segment_key<P: Platform>(journal: &Journal<P>, place: &str, k: u32) -> String {
    journal.key(format_args!("g:{place}:{k}"))
}
