//! The entries of a user's journal. Times are milliseconds since the epoch, by the clock of the
//! writer.

use credentials::records::Scope;
use serde::{Deserialize, Serialize};

/// One entry of a user's journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Event {
    /// An account was created. Ignored if there is a confirmed one.
    Registered(Registered),
    /// The owner of the account confirmed the email address.
    EmailVerified {
        /// In lower case.
        email: String,
        /// A session that begins if this event confirmed the address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<Session>,
        at: u64,
    },
    /// The email address was changed. Ignored unless `replaces` is the claim of the current one.
    EmailChanged {
        email: Email,
        replaces: String,
        at: u64,
    },
    /// The password was changed. Ignored unless `replaces` is the current password.
    PasswordSet {
        password: Password,
        /// The id of the previous password, if there was one.
        replaces: Option<String>,
        sessions_to_end: SessionsToEnd,
        /// Whether the change proves that the owner receives mail at the address.
        confirms_email: bool,
        at: u64,
    },
    /// The same password with a new hash.
    PasswordRehashed {
        password: Password,
    },
    /// The name or the picture changed. None keeps the value unless it is cleared.
    Updated {
        name: Option<String>,
        image: Option<String>,
        #[serde(default, skip_serializing_if = "is_false")]
        clears_name: bool,
        #[serde(default, skip_serializing_if = "is_false")]
        clears_image: bool,
        at: u64,
    },
    SessionStarted {
        session: Session,
        /// The id of the password that was verified. The event is ignored if it has been changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password: Option<String>,
    },
    /// A refresh token was used.
    SessionRefreshed {
        session: String,
        /// The generation of the token.
        generation: u64,
        /// The session before the refresh, if it is a guest's first. Creating a guest appends no event.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        guest_session: Option<Session>,
        at: u64,
    },
    SessionEnded {
        session: String,
        at: u64,
    },
    SessionsEnded {
        sessions_to_end: SessionsToEnd,
        /// The guest's first session, for which there may be no event.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        guest: Option<String>,
        at: u64,
    },
    KeyCreated(Key),
    KeyRevoked {
        key: String,
        at: u64,
    },
    KeysRevoked {
        at: u64,
    },
    IdentityLinked {
        identity: Identity,
        at: u64,
    },
    IdentityUnlinked {
        provider: String,
        at: u64,
    },
    /// An OAuth flow was completed. Only the first attempt of a flow has an effect.
    FlowCompleted {
        flow: String,
        attempt: String,
        at: u64,
    },
    /// A claim that no event used was taken away. Later events that name it are ignored.
    ClaimRejected {
        claim: String,
    },
    /// The user was deleted.
    Deleted {
        /// Whether the id is never used again. Users of identity providers may return.
        permanent: bool,
        /// The guest's first session, for which there may be no event.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        guest: Option<String>,
        at: u64,
    },
    /// Replaces an entry that was erased.
    Erased,
}

/// The data of a new account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Registered {
    pub(crate) email: Email,
    /// Whether the account waits for its owner to confirm the address.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) pending: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) password: Option<Password>,
    /// The linked identity it was created with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) identity: Option<Identity>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) image: Option<String>,
    /// The session of the guest that becomes the account. It ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) guest: Option<String>,
    pub(crate) at: u64,
}

/// An email address and its claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Email {
    /// As entered.
    pub(crate) address: String,
    pub(crate) verified: bool,
    /// The id of the claim.
    pub(crate) claim: String,
}

/// A password hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Password {
    /// Random, different for each change.
    pub(crate) id: String,
    /// A PHC string.
    pub(crate) hash: String,
}

/// Which sessions an event ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SessionsToEnd {
    None,
    All,
    AllExcept(String),
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) created: u64,
    /// When it was last renewed.
    pub(crate) renewed: u64,
    /// The generation of the next refresh token.
    pub(crate) generation: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user_agent: Option<String>,
}

/// An API key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Key {
    /// A UUID.
    pub(crate) id: String,
    /// SHA-256 of the key in hexadecimal. Names its record.
    pub(crate) hash: String,
    pub(crate) name: String,
    /// The first characters of the key.
    pub(crate) prefix: String,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) created: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) chat_per_minute: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) request_budget: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token_budget: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) revoked: Option<u64>,
}

/// An identity at an OAuth provider and its claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) provider: String,
    /// The provider's id of the user.
    pub(crate) subject: String,
    /// The id of the claim.
    pub(crate) claim: String,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde requires"
)]
fn is_false(value: &bool) -> bool {
    !*value
}
