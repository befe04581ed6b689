//! The variables, each read once per instance.

use std::sync::OnceLock;

use spin_sdk::variables::{self, Error};

use crate::plans::Plans;

/// The value of a variable; empty if it is not granted.
pub(super) async fn read(name: &str) -> Result<String, String> {
    match variables::get(name).await {
        Ok(value) => Ok(value),
        Err(Error::Undefined(_)) => Ok(String::new()),
        Err(_) => Err(format!("the variable {name} cannot be read")),
    }
}

/// The plans.
///
/// # Errors
/// The cause, for the log. Also if the variable is not granted, so that a missing line in the manifest
/// removes no limit.
pub(super) async fn plans() -> Result<&'static Plans, String> {
    static PLANS: OnceLock<Result<Plans, String>> = OnceLock::new();
    if PLANS.get().is_none() {
        let value = variables::get("plans")
            .await
            .map_err(|_| "the variable plans cannot be read".to_owned())?;
        // Another request may have set it meanwhile, to the same value.
        let _ = PLANS.set(Plans::parse(&value));
    }
    match PLANS.get() {
        Some(Ok(plans)) => Ok(plans),
        Some(Err(why)) => Err(why.clone()),
        None => Err("the variable plans cannot be read".to_owned()),
    }
}

/// Whether usage is recorded even if nothing is limited.
pub(super) async fn records_usage() -> Result<bool, String> {
    static ON: OnceLock<bool> = OnceLock::new();
    if let Some(on) = ON.get() {
        return Ok(*on);
    }
    let on = match read("usage_ledger").await?.trim() {
        "off" => false,
        "" | "on" => true,
        _ => {
            eprintln!(
                r#"{{"level":"warn","message":"usage_ledger is neither on nor off; on is used"}}"#
            );
            true
        }
    };
    Ok(*ON.get_or_init(|| on))
}
