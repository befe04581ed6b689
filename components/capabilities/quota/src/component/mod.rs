//! The export, and the state of an instance.

mod ledger;

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use spin_sdk::variables::{self, Error};

use crate::book::{Book, Refused};
use crate::limits::{Action, Allowance, Guest, Refusal};
use crate::settings::{parse, setting_of};
use crate::subject;
use ledger::StoreLedger;

struct Quota;

mod export {
    #![allow(unsafe_code, unreachable_pub, reason = "generated")]
    use super::Quota;
    crate::bindings::export!(Quota with_types_in crate::bindings);
}

static BOOK: Mutex<Book> = Mutex::new(Book::new());

impl Guest for Quota {
    async fn admit(action: Action, subject: String) -> Result<Allowance, Refusal> {
        let limit = limit_of(action).await?;
        let key = format!(
            "quota:{}:{}",
            setting_of(action).name,
            subject::key_of(&subject)
        );
        let ledger = StoreLedger::new(&key);
        let mut book = BOOK.lock().unwrap_or_else(PoisonError::into_inner);
        book.admit(&key, limit, now_ms(), &ledger)
            .map_err(|refused| match refused {
                Refused::Exceeded(allowance) => Refusal::Exceeded(allowance),
                Refused::Store(text) => Refusal::Unavailable(text),
            })
    }
}

/// The limit of an action, read once in the life of an instance.
async fn limit_of(action: Action) -> Result<u32, Refusal> {
    static CHAT: OnceLock<u32> = OnceLock::new();
    static API: OnceLock<u32> = OnceLock::new();
    static AUTH: OnceLock<u32> = OnceLock::new();
    let cached = match action {
        Action::Chat => &CHAT,
        Action::Api => &API,
        Action::Auth => &AUTH,
    };
    if let Some(limit) = cached.get() {
        return Ok(*limit);
    }
    let setting = setting_of(action);
    let value = match variables::get(setting.variable).await {
        Ok(value) => value,
        Err(Error::Undefined(_)) => String::new(),
        Err(_) => {
            return Err(Refusal::Unavailable(format!(
                "the variable {} cannot be read",
                setting.variable
            )));
        }
    };
    let limit = parse(&value, setting.default).unwrap_or_else(|default| {
        eprintln!(
            r#"{{"level":"warn","message":"{} is not a number of requests; {default} holds"}}"#,
            setting.variable
        );
        default
    });
    Ok(*cached.get_or_init(|| limit))
}

/// Milliseconds since the epoch.
fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| {
            u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
        })
}
