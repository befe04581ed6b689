//! Credentials of other identity providers, which every route accepts.

mod clerk;
mod workos;
