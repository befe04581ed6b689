//! Whose a connection is.

use contracts::identity::types::{Principal, Proof};
use contracts::messaging::connections::Owner;

/// Who a principal is for sockets and streams.
pub fn owner_of(principal: &Principal) -> Owner {
    let proof = match &principal.proof {
        Proof::Session(id) | Proof::Workos(id) | Proof::Clerk(id) => format!("session:{id}"),
        Proof::ApiKey(grant) => format!("key:{}", grant.id),
    };
    Owner {
        user: principal.user.id.clone(),
        proof,
    }
}
