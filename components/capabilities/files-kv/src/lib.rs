//! Files in the key-value store. Exports `goldfish:files`.
//!
//! | module | |
//! |---|---|
//! | `keys` | the keys in the store |
//! | `record` | the record of a file: everything but its content |
//! | `index` | the state of a user's files: how many bytes, and what is unfinished |
//! | `files` | all of a user's files: reading, listing, deleting, sweeping |
//! | `writer` | an upload |
//! | `secret` | the key that signs URLs |
//! | `store` | the above as a [`file_store::Store`], and the export |
//!
//! # An upload
//! The content is a blob of the journal library, in chunks of 512 KiB. The store cannot list keys, so the
//! upload is recorded in the user's index before the first chunk (`Begun`), and counts from its last entry
//! on (`Stored`). In between come the chunks, the record and the list of ids. That entry also decides
//! whether the user has room for the file, so that uploads at the same time cannot exceed the limit.
//!
//! # Sweeping
//! A running upload renews its lease ([`writer::RENEW`]). If it is interrupted by a crash, the next
//! upload or listing of the same user finds it in the index, waits until the lease has ended
//! ([`files::LEASE`]), and deletes what is there. An interrupted deletion is finished in the same way.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the part without the host is built, for its unit tests"
    )
)]

mod files;
mod index;
mod keys;
mod record;
mod secret;
mod writer;

#[cfg(target_family = "wasm")]
mod store;

#[cfg(test)]
mod tests;
