//! Files in an S3-compatible store. Exports `goldfish:files`. Network and no storage: everything is in the
//! bucket, and the bucket is the index.
//!
//! | module | |
//! |---|---|
//! | `settings` | the variables |
//! | `keys` | the keys of objects |
//! | `metadata` | what is stored with an object: name and purpose |
//! | `requests` | requests, signed |
//! | `listing` | the XML of lists |
//! | `parts` | bytes of a file until there are enough for a request |
//! | `component` | the requests sent, and the export |
//!
//! # Layout
//! The content of a file is the object `files/<owner>/<id>`, with the name and the purpose in its metadata.
//! Ids begin with the time, so a list of the prefix `files/<owner>/` is in the order of time, and the sum
//! of its sizes is what the user has stored: it is listed before each upload, 1,000 objects per request. A text
//! that was made of a file is the object `files/<owner>/<id>.text`, which does not count.
//! A file with a shared purpose also has an empty object `shared/<id>` that names its owner. It
//! is written before the content and deleted after it.
//!
//! # Uploads
//! Up to 8 MiB are sent in one request when the file is complete; larger files in parts of 8 MiB, of which
//! one is in memory. Either way an object appears at once and whole, or not at all. Parts of an upload that
//! was cut off are deleted by the user's next upload an hour later; a lifecycle rule of the bucket
//! (`AbortIncompleteMultipartUpload`) does the same for users who do not return.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

#[cfg(target_family = "wasm")]
mod component;
mod keys;
mod listing;
mod metadata;
mod parts;
mod requests;
mod settings;
