//! The export `user-data`.

use journal::{Spin, Store as _, delete_all};
use serde_json::json;
use unix_time::now_ms;

use super::{Quota, credits::ledger_of, limits};
use crate::bindings::exports::goldfish::quota::user_data::Guest;
use crate::exports::credits::{Error, Guest as Credits};
use crate::exports::limits::Action;

impl Guest for Quota {
    async fn erase(user: String) -> Result<(), String> {
        erase(&user).await.map_err(|error| match error {
            Error::Unavailable(cause) => cause,
            other => format!("{other:?}"),
        })
    }

    async fn export(user: String) -> Result<String, String> {
        let failed = |error| match error {
            Error::Unavailable(cause) => cause,
            other => format!("{other:?}"),
        };
        let report = <Self as Credits>::get_report(user.clone())
            .await
            .map_err(failed)?;
        let transactions = <Self as Credits>::list_transactions(user, None, u32::MAX);
        let transactions = transactions.await.map_err(failed)?;
        let days = report.days.iter().map(|day| {
            json!({
                "day": day.day,
                "model": day.model,
                "requests": day.requests,
                "promptTokens": day.prompt_tokens,
                "completionTokens": day.completion_tokens,
                "costMicroUsd": day.cost,
            })
        });
        let transactions = transactions.iter().map(|transaction| {
            json!({
                "id": transaction.id,
                "at": transaction.at,
                "amount": transaction.amount,
                "model": transaction.model,
                "note": transaction.note,
            })
        });
        let exported = json!({
            "plan": report.balance.plan,
            "usage": days.collect::<Vec<_>>(),
            "transactions": transactions.collect::<Vec<_>>(),
        });
        Ok(exported.to_string())
    }

    async fn check() -> Result<(), String> {
        let store = Spin::open_default().await;
        let store = store.map_err(|error| error.to_string())?;
        let value = store.get("quota:check").await;
        value.map(drop).map_err(|error| error.to_string())
    }
}

/// Erases the ledger and the counters of the user and of the API keys in the ledger.
async fn erase(user: &str) -> Result<(), Error> {
    let keys = ledger_of(user).await?.erase().await?;
    let actions = [
        Action::Chat,
        Action::Api,
        Action::Auth,
        Action::Password,
        Action::Message,
        Action::Join,
    ];
    let of_user = actions.map(|action| limits::key_of(action, user));
    let of_keys = keys.iter().map(|key| limits::key_of(Action::Chat, key));
    let counters: Vec<String> = of_user
        .into_iter()
        .chain(of_keys)
        .flat_map(|key| [format!("{key}:count"), format!("{key}:mark")])
        .collect();
    delete_all(&Spin::open_default().await?, &counters).await?;
    limits::cache_plan(user, None, now_ms());
    Ok(())
}
