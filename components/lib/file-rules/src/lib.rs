//! The rules for files: purposes and their limits, media types by content, names, what is removed from
//! images, signed URLs. The same for every component that stores files.
//!
//! May not import HTTP, storage or any WIT package. Reads bytes and decides; does no I/O.
//!
//! | module | |
//! |---|---|
//! | [`purpose`] | what a file is for, with the limits and media types of each purpose |
//! | [`limits`] | the variables `max_upload_bytes` and `max_storage_bytes` |
//! | [`media_type`] | the media type of a file by its first bytes |
//! | [`name`] | file names without paths and control characters |
//! | [`intake`] | a file as it arrives: type, limits and metadata removal, in bounded memory |
//! | [`images`] | sizes of images, and removal of EXIF, GPS and comments |
//! | [`signature`] | signatures of URLs that expire |

pub mod images;
pub mod intake;
pub mod limits;
pub mod media_type;
pub mod name;
pub mod purpose;
mod rejection;
pub mod signature;

pub use intake::Intake;
pub use limits::Limits;
pub use purpose::Purpose;
pub use rejection::Rejection;
