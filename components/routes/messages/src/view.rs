//! Response bodies.

use contracts::messaging::messages::PreviousText;
use serde::Serialize;
use team::UtcTime;

pub(crate) use team::MessageView;

/// A text that an edit replaced.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PreviousTextView<'a> {
    content: &'a str,
    replaced_at: UtcTime,
}

impl<'a> From<&'a PreviousText> for PreviousTextView<'a> {
    fn from(text: &'a PreviousText) -> Self {
        Self {
            content: &text.content,
            replaced_at: UtcTime(text.replaced_at),
        }
    }
}
