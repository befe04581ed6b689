//! Putting what users write, and what models reply, through `goldfish:moderation`: one way for all
//! routes that ask a model.
//!
//! May import that contract, `error-mapping` and `http-edge`.

use contracts::moderation::filter::{self, FilteredText, ReplyFilter, Verdict};
use http_edge::ApiError;

/// Checks texts before they are stored or a model is asked, each with where it is in the request
/// (`message`); what is redacted is changed in place.
///
/// # Errors
/// `CONTENT_BLOCKED`, of the first text that may not pass; an internal error if nothing can be
/// checked.
pub async fn check(texts: Vec<(String, &mut String)>) -> Result<(), ApiError> {
    let given = texts.iter().map(|(_, text)| (*text).clone()).collect();
    let verdicts = filter::check(given)
        .await
        .map_err(error_mapping::moderation)?;
    judge(texts, verdicts)
}

fn judge(texts: Vec<(String, &mut String)>, verdicts: Vec<Verdict>) -> Result<(), ApiError> {
    if verdicts.len() != texts.len() {
        return Err(ApiError::internal("moderation: a text without a verdict"));
    }
    for ((path, text), verdict) in texts.into_iter().zip(verdicts) {
        match verdict {
            Verdict::Allow => {}
            Verdict::Replace(other) => *text = other,
            Verdict::Block(reason) => return Err(error_mapping::blocked(path, &reason)),
        }
    }
    Ok(())
}

/// What a reply has to pass before it is shown or stored. Where replies are not looked at, it
/// costs nothing.
pub struct Screen(Option<ReplyFilter>);

/// What of a reply may be shown.
#[derive(Debug)]
pub struct Shown {
    /// Follows what was shown before; may be nothing yet.
    pub pieces: Vec<String>,
    /// `CONTENT_BLOCKED` if the reply is to end here.
    pub blocked: Option<ApiError>,
}

impl Screen {
    /// A screen for one reply.
    ///
    /// # Errors
    /// An internal error if nothing can be checked.
    pub async fn open() -> Result<Self, ApiError> {
        let filter = ReplyFilter::open()
            .await
            .map_err(error_mapping::moderation)?;
        Ok(Self(filter))
    }

    /// Whether replies are looked at.
    pub fn looks(&self) -> bool {
        self.0.is_some()
    }

    /// What of the next pieces, and of those held back before, may be shown now.
    pub fn pass(&self, pieces: Vec<String>) -> Shown {
        match &self.0 {
            None => Shown {
                pieces,
                blocked: None,
            },
            Some(filter) => {
                let text = pieces.concat();
                shown(filter.push(&text), &text, pieces)
            }
        }
    }

    /// What was held back, at the end of the reply.
    pub fn rest(&self) -> Shown {
        match &self.0 {
            None => Shown {
                pieces: Vec::new(),
                blocked: None,
            },
            Some(filter) => shown(filter.finish(), "", Vec::new()),
        }
    }
}

/// What passed unchanged goes on in the pieces it came in, whose text is `given`.
fn shown(passed: FilteredText, given: &str, pieces: Vec<String>) -> Shown {
    Shown {
        pieces: if passed.text == given {
            pieces
        } else if passed.text.is_empty() {
            Vec::new()
        } else {
            vec![passed.text]
        },
        blocked: passed
            .blocked
            .map(|reason| error_mapping::blocked("reply", &reason)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(text: &str) -> FilteredText {
        FilteredText {
            text: text.to_owned(),
            blocked: None,
        }
    }

    #[test]
    fn pieces_stay_what_they_were_where_all_passes() {
        let pieces = || vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(shown(passed("ab"), "ab", pieces()).pieces, pieces());
        assert_eq!(shown(passed("xa"), "ab", pieces()).pieces, ["xa"]);
        assert!(shown(passed(""), "ab", pieces()).pieces.is_empty());
    }

    #[test]
    fn texts_are_replaced_in_place_and_the_first_blocked_one_is_told() {
        let judged = |verdicts| {
            let (mut one, mut two) = ("one".to_owned(), "two".to_owned());
            let texts = vec![
                ("message".to_owned(), &mut one),
                ("system".to_owned(), &mut two),
            ];
            judge(texts, verdicts).map(|()| [one, two])
        };
        let replaced = judged(vec![Verdict::Replace("1".into()), Verdict::Allow]);
        assert_eq!(replaced.unwrap(), ["1", "two"]);
        let blocked = judged(vec![Verdict::Allow, Verdict::Block("word-list".into())]);
        let Err(ApiError::ContentBlocked(detail)) = blocked else {
            panic!("{blocked:?}")
        };
        assert_eq!(detail.path, "system");
        assert!(judged(vec![Verdict::Allow]).is_err());
    }
}
