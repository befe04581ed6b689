//! The OpenAPI 3.1 document of the API, assembled from the files beside the routes.
//!
//! Each route has an `openapi.yaml` with its paths and schemas; `routes/docs/frame.yaml` has what all
//! of them share. A fragment is OpenAPI with one exception: an operation lists only the statuses of its
//! own `errors`. Those of its body, credentials and rate limit are added.
//!
//! The assembled document is a committed file, because the tools that make it do not belong into the
//! build of a component. The suite fails when the file is out of date.
//!
//! [`Validator`] compares requests and responses with the document.
//!
//! Invariant: this crate reads files and has no other input or output.

mod document;
mod errors;
mod fragment;
mod node;
mod object;
mod operation;
mod validator;
mod violation;

pub use document::{DOCUMENT_FILE, render};
pub use operation::Operation;
pub use validator::Validator;
pub use violation::Violation;
