//! Helpers for the tests of several modules.

use std::sync::OnceLock;

use credentials::keys::Keys;
use credentials::records;
use ids::new_uuid;
use journal::Platform;
use journal::testing::{Client, World};
use journal::unique::Acquired;

use crate::account::{Email, Event, Registered};
use crate::accounts::Accounts;
use crate::claims;
use crate::unique_name::UniqueName;

fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| Keys::derive(&[7; 32]).unwrap())
}

/// The accounts of a world, through a client without faults.
pub(crate) fn accounts(world: &World) -> Accounts<Client> {
    accounts_of(world.client())
}

/// The accounts through a given client.
pub(crate) fn accounts_of(client: Client) -> Accounts<Client> {
    Accounts::new(client, keys(), false)
}

/// Creates an account with a confirmed address and without a password.
pub(crate) async fn user<P: Platform + Clone>(
    accounts: &Accounts<P>,
    id: &str,
    address: &str,
    guest: Option<&str>,
) {
    register(accounts, id, address, true, guest).await;
}

/// Creates an account.
pub(crate) async fn register<P: Platform + Clone>(
    accounts: &Accounts<P>,
    id: &str,
    address: &str,
    verified: bool,
    guest: Option<&str>,
) {
    let claim = new_uuid();
    let index = UniqueName::email(address);
    let claimed = claims::acquire(accounts, &index, id, &claim).await;
    assert_eq!(claimed, Ok(Acquired::Claimed));
    let event = Event::Registered(Registered {
        email: Email {
            address: address.to_owned(),
            verified,
            claim,
        },
        pending: false,
        password: None,
        identity: None,
        name: None,
        image: None,
        guest: guest.map(str::to_owned),
        at: accounts.now(),
    });
    let mut view = accounts.read(id).await.unwrap();
    accounts.append(id, &mut view, &event).await.unwrap();
}

/// The accounts of a world where addresses must be confirmed.
pub(crate) fn accounts_requiring_verification(world: &World) -> Accounts<Client> {
    Accounts::new(world.client(), keys(), true)
}

/// A client without address and user agent.
pub(crate) const UNKNOWN_CLIENT: crate::types::Client = crate::types::Client {
    address: None,
    user_agent: None,
};

/// Whether the session's tokens are refused.
pub(crate) fn is_refused(world: &World, session: &str) -> bool {
    world.value(&records::revoked_session(session)).is_some()
}
