//! quota.
