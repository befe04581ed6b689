//! Requests for tests.

use model_api::Fields;
use serde_json::Value;

use super::Echo;

/// What the response to a request with these members repeats.
pub(crate) fn echo(members: Value) -> Echo {
    Echo::of(&mut Fields::of(members, String::new()).unwrap())
}
