//! What the tests of several modules need.

use std::sync::OnceLock;

use credentials::keys::Keys;
use credentials::records;
use journal::Platform;
use journal::testing::{Client, World};
use uuid::Uuid;

use crate::account::{Email, Fact, Registered};
use crate::accounts::Accounts;
use crate::claims::{self, Claimed, Index};

fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| Keys::derive(&[7; 32]).unwrap())
}

/// The accounts of a world, as one process without faults sees them.
pub(crate) fn accounts(world: &World) -> Accounts<Client> {
    accounts_of(world.client())
}

/// The accounts as this process sees them.
pub(crate) fn accounts_of(client: Client) -> Accounts<Client> {
    Accounts::new(client, keys(), false)
}

/// Makes an account with a confirmed address and without a password.
pub(crate) async fn user<P: Platform + Clone>(
    accounts: &Accounts<P>,
    id: &str,
    address: &str,
    guest: Option<&str>,
) {
    register(accounts, id, address, true, guest).await;
}

/// Makes an account.
pub(crate) async fn register<P: Platform + Clone>(
    accounts: &Accounts<P>,
    id: &str,
    address: &str,
    verified: bool,
    guest: Option<&str>,
) {
    let claim = Uuid::new_v4().to_string();
    let index = Index::email(address);
    let claimed = claims::acquire(accounts, &index, id, &claim).await;
    assert_eq!(claimed, Ok(Claimed::Ours));
    let fact = Fact::Registered(Registered {
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
    accounts.append(id, &mut view, &fact).await.unwrap();
}

/// The accounts of a world where addresses have to be confirmed.
pub(crate) fn strict_accounts(world: &World) -> Accounts<Client> {
    Accounts::new(world.client(), keys(), true)
}

/// A client that says nothing of itself.
pub(crate) const NOWHERE: crate::types::Client = crate::types::Client {
    address: None,
    user_agent: None,
};

/// Whether the session's tokens are refused.
pub(crate) fn is_refused(world: &World, session: &str) -> bool {
    world.value(&records::revoked_session(session)).is_some()
}
