//! A user's preferences: the contract's `preferences`.

use journal::{Journal, Platform};

use crate::entries::{Entry, Preferences};
use crate::error::Error;
use crate::library;
use crate::recovery;
use crate::text;

/// The longest model id, in characters.
pub(crate) const MODEL_CHARS_MAX: usize = 200;

pub(crate) async fn get<P: Platform>(journal: &Journal<P>) -> Result<Preferences, Error> {
    let view = recovery::read(journal).await?;
    Ok(view.state.preferences)
}

/// Sets what is present in `changes`, leaves the rest, and answers all of it.
pub(crate) async fn update<P: Platform>(
    journal: &Journal<P>,
    changes: Preferences,
) -> Result<Preferences, Error> {
    validate(&changes)?;
    let mut view = recovery::read(journal).await?;
    let mut wanted = view.state.preferences.clone();
    wanted.merge(changes.clone());
    if wanted == view.state.preferences {
        return Ok(wanted);
    }
    library::append_and_save(journal, &mut view, &Entry::Preferences(changes)).await?;
    Ok(view.state.preferences)
}

fn validate(changes: &Preferences) -> Result<(), Error> {
    let fits = |value: &Option<String>, most: usize| {
        let chars = value.as_ref().map_or(0, |text| text.chars().count());
        chars <= most
    };
    if !fits(&changes.default_model, MODEL_CHARS_MAX) {
        return Err(Error::Invalid(
            "defaultModel: at most 200 characters".to_owned(),
        ));
    }
    if !fits(&changes.system_prompt, text::MESSAGE_CHARS_MAX) {
        return Err(Error::Invalid(
            "systemPrompt: at most 10000 characters".to_owned(),
        ));
    }
    Ok(())
}
