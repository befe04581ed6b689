//! The exports.

use std::{cell::RefCell, sync::OnceLock};

use spin_sdk::variables;

use crate::{
    filter::{Filter, Passed},
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

/// Nothing is awaited while it is borrowed.
struct Reply(RefCell<Filter<'static>>);

impl Guest for Component {
    type ReplyFilter = Reply;

    async fn check(texts: Vec<String>) -> Result<Vec<Verdict>, Error> {
        let settings = settings().await?;
        let verdicts = texts.iter().map(|text| match &settings.rules {
            None => Verdict::Pass,
            Some(rules) => verdict(rules, text),
        });
        Ok(verdicts.collect())
    }
}

impl GuestReplyFilter for Reply {
    async fn open() -> Result<Option<ReplyFilter>, Error> {
        let settings = settings().await?;
        let rules = settings.rules.as_ref().filter(|_| settings.replies);
        Ok(rules.map(|rules| ReplyFilter::new(Self(RefCell::new(Filter::new(rules))))))
    }

    fn next(&self, text: String) -> wit::Passed {
        self.0.borrow_mut().next(&text).into()
    }

    fn rest(&self) -> wit::Passed {
        self.0.borrow_mut().rest().into()
    }
}

impl From<Passed> for wit::Passed {
    fn from(passed: Passed) -> Self {
        Self {
            text: passed.text,
            blocked: passed.blocked.map(str::to_owned),
        }
    }
}

fn verdict(rules: &Rules, text: &str) -> Verdict {
    let Passed {
        text: passed,
        blocked,
    } = Filter::of_whole(rules, text);
    match blocked {
        Some(reason) => Verdict::Block(reason.to_owned()),
        None if passed == text => Verdict::Pass,
        None => Verdict::Replace(passed),
    }
}

/// The settings, read from the variables once in the life of an instance.
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
    .map_err(Error::Misconfigured)?;
    // A request that ran beside this one has read the same.
    Ok(SETTINGS.get_or_init(|| settings))
}

/// The value of a variable; empty if there is none of that name.
async fn variable(name: &str) -> Result<String, Error> {
    match variables::get(name).await {
        Ok(value) => Ok(value),
        Err(variables::Error::Undefined(_)) => Ok(String::new()),
        Err(_) => Err(Error::Misconfigured(
            "the variables of moderation cannot be read".to_owned(),
        )),
    }
}
