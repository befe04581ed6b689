//! Refreshing WorkOS sessions over the network. A static coordinates the requests of this instance,
//! the store those of all instances.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use unix_time::now_ms;

use journal::Spin;
use spin_sdk::time::sleep;

use super::config::Workos;
use super::http;
use crate::renewal::{self, Outcome, RefreshId, Refreshes, Step};
use crate::types::AuthError;
use crate::workos::Claims;

/// Timeout of a request to WorkOS.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How often a request checks whether another request's refresh has ended. Tasks of one instance
/// cannot wake each other.
const WAIT_STEP: Duration = Duration::from_millis(10);

static EXCHANGES: Mutex<Option<Refreshes>> = Mutex::new(None);

/// Refreshes the session of `claims` with `refresh_token`. Returns the new cookie.
///
/// # Errors
/// `expired` if the user must sign in again, `unavailable` if WorkOS cannot be reached.
pub(super) async fn renew(
    config: &Workos,
    store: &Spin,
    claims: &Claims,
    refresh_token: &str,
) -> Result<String, AuthError> {
    let id = RefreshId::new(&claims.sid, refresh_token);
    loop {
        let step = with_exchanges(|exchanges| exchanges.lookup(id, now_ms()));
        match step {
            Step::Wait => sleep(WAIT_STEP).await,
            Step::Exchange => {
                let mut pending = Pending { id, outcome: None };
                let ask = ask(config, refresh_token, claims.org_id.as_deref());
                pending.outcome = Some(renewal::exchange(store, id, ask).await);
            }
            Step::Done(Outcome::Renewed(cookie)) => return Ok(cookie),
            Step::Done(Outcome::Refused | Outcome::UsedUp) => return Err(AuthError::Expired),
            Step::Done(Outcome::Failed(text)) => return Err(AuthError::Unavailable(text)),
        }
    }
}

/// A running refresh. Settles when it is dropped, so that an abandoned request does not block others.
struct Pending {
    id: RefreshId,
    outcome: Option<Outcome>,
}

impl Drop for Pending {
    fn drop(&mut self) {
        let outcome = self.outcome.take();
        with_exchanges(|exchanges| exchanges.settle(self.id, outcome, now_ms()));
    }
}

fn with_exchanges<T>(action: impl FnOnce(&mut Refreshes) -> T) -> T {
    let mut exchanges: MutexGuard<'_, _> = EXCHANGES.lock().unwrap_or_else(PoisonError::into_inner);
    action(exchanges.get_or_insert_default())
}

async fn ask(config: &Workos, refresh_token: &str, organization_id: Option<&str>) -> Outcome {
    let url = format!("{}/user_management/authenticate", config.base_url);
    let body = renewal::request(
        &config.client_id,
        &config.api_key,
        refresh_token,
        organization_id,
    );
    let Some(request) = http::post(&url, &config.api_key, body) else {
        return Outcome::Failed("workos_base_url or workos_api_key is damaged".to_owned());
    };
    match http::send(request, TIMEOUT, renewal::MAX_BYTES).await {
        Some((status, body)) => renewal::outcome(status, &body, &config.cookie_password),
        None => Outcome::Failed("WorkOS is out of reach".to_owned()),
    }
}
