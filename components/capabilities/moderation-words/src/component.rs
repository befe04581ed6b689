//! The exports.

use std::{cell::RefCell, sync::OnceLock};

use spin_sdk::variables;

use crate::{
    filter::{Filter, Filtered},
    rules::Rules,
    settings::Settings,
};
use bindings::exports::goldfish::moderation::filter::{
    self as wit, Error, Guest, GuestReplyFilter, ReplyFilter, Verdict,
};

#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::all,
    clippy::restriction,
    reason = "generated"
)]
mod bindings {
    wit_bindgen::generate!({
        world: "moderation",
        path: "../../../wit/moderation",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        generate_all,
    });
    use super::Component;
    export!(Component);
}

struct Component;

/// The filter of one reply. It is never borrowed across an await.
struct FilterResource(RefCell<Filter<'static>>);

impl Guest for Component {
    type ReplyFilter = FilterResource;

    async fn check(texts: Vec<String>) -> Result<Vec<Verdict>, Error> {
        let settings = settings().await?;
        let verdicts = texts.iter().map(|text| match &settings.rules {
            None => Verdict::Allow,
            Some(rules) => verdict(rules, text),
        });
        Ok(verdicts.collect())
    }
}

impl GuestReplyFilter for FilterResource {
    async fn open() -> Result<Option<ReplyFilter>, Error> {
        let settings = settings().await?;
        let rules = settings.rules.as_ref().filter(|_| settings.check_replies);
        Ok(rules.map(|rules| ReplyFilter::new(Self(RefCell::new(Filter::new(rules))))))
    }

    fn push(&self, text: String) -> wit::FilteredText {
        self.0.borrow_mut().push(&text).into()
    }

    fn finish(&self) -> wit::FilteredText {
        self.0.borrow_mut().finish().into()
    }
}

impl From<Filtered> for wit::FilteredText {
    fn from(filtered: Filtered) -> Self {
        Self {
            text: filtered.text,
            blocked: filtered.blocked.map(str::to_owned),
        }
    }
}

fn verdict(rules: &Rules, text: &str) -> Verdict {
    let Filtered {
        text: allowed,
        blocked,
    } = Filter::whole_text(rules, text);
    match blocked {
        Some(reason) => Verdict::Block(reason.to_owned()),
        None if allowed == text => Verdict::Allow,
        None => Verdict::Replace(allowed),
    }
}

/// Returns the settings. The variables are read once per instance.
async fn settings() -> Result<&'static Settings, Error> {
    static SETTINGS: OnceLock<Settings> = OnceLock::new();
    if let Some(settings) = SETTINGS.get() {
        return Ok(settings);
    }
    let settings = Settings::read(
        &variable("moderation_words").await?,
        &variable("moderation_patterns").await?,
        &variable("moderation_action").await?,
        &variable("moderation_replies").await?,
    )
    .map_err(Error::InvalidConfiguration)?;
    // A concurrent request may have set it first, from the same variables.
    Ok(SETTINGS.get_or_init(|| settings))
}

/// Reads a variable. Returns an empty string when it is not defined.
async fn variable(name: &str) -> Result<String, Error> {
    match variables::get(name).await {
        Ok(value) => Ok(value),
        Err(variables::Error::Undefined(_)) => Ok(String::new()),
        Err(_) => Err(Error::InvalidConfiguration(
            "the variables of moderation cannot be read".to_owned(),
        )),
    }
}
