//! Tests of `/api/v1/*`.

mod auth;
pub(crate) mod files;
