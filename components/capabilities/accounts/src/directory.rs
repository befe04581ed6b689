//! For the operator: all accounts.

use journal::Platform;

use crate::account::Listing;
use crate::types::Error;

/// Tells the directory that a user's account came or went. May be repeated.
///
/// # Errors
/// Those of the directory's journal.
pub(crate) async fn announce<P: Platform>(
    _platform: &P,
    _user: &str,
    _listing: Listing,
) -> Result<(), Error> {
    Ok(())
}
