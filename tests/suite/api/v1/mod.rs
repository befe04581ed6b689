//! Tests of `/api/v1/*`.

mod auth;
