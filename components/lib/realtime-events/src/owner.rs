//! Whose a connection is.

use contracts::identity::types::{Principal, Proof};
use contracts::messaging::connections::{self, Owner};
use http_edge::ApiError;

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

/// Who created a ticket. It is used up.
///
/// # Errors
/// 401 if it was used or has expired; 503 if the database fails.
pub async fn owner_of_ticket(ticket: String) -> Result<Owner, ApiError> {
    let owner = connections::take_ticket(ticket)
        .await
        .map_err(error_mapping::messaging)?;
    owner.ok_or(ApiError::Unauthorized(
        "The ticket was used or has expired. Request another one.",
    ))
}
