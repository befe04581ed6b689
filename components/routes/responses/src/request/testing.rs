//! Requests for tests.

use model_api::Fields;
use serde_json::Value;

use super::Echo;

/// The repeated fields of a response, for a request with these members.
pub(crate) fn echo(members: Value) -> Echo {
    Echo::of(&mut Fields::of(members, String::new()).unwrap())
}
