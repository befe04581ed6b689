//! not-found.
