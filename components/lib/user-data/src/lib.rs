//! Walks over everything that is stored of a user, in whatever capability: which those are is
//! generated from the component.toml files, so that none can be forgotten.
//!
//! A route that uses this says so by `user-data` in its component.toml.
//!
//! May import the contracts; calls nothing but their interface `user-data`.

mod failure;
mod holders;

pub use failure::Failure;

/// Erases what the user wrote, and the replies. The account and the records of its use stay. May be
/// repeated.
///
/// # Errors
/// If some storage fails.
pub async fn erase_content(user: &str) -> Result<(), Failure> {
    holders::erase_content(user).await
}

/// Erases everything. May be repeated, by the user too if it is interrupted before the account is erased.
///
/// # Errors
/// If some storage fails.
pub async fn erase(user: &str) -> Result<(), Failure> {
    holders::erase_content(user).await?;
    holders::erase_records(user).await?;
    holders::erase_account(user).await?;
    // Erases what concurrent requests wrote. Without an account there are no new requests.
    holders::erase_content(user).await?;
    holders::erase_records(user).await
}

/// Everything that is stored of the user except credentials: the name of each contract, and JSON.
///
/// # Errors
/// If some storage fails.
pub async fn export(user: &str) -> Result<Vec<(&'static str, String)>, Failure> {
    holders::export(user).await
}

/// Checks that every storage can be used.
///
/// # Errors
/// The first that does not.
pub async fn check() -> Result<(), Failure> {
    holders::check().await
}
