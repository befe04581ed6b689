//! What is stored: the facts of a user's journal. Times are milliseconds since the epoch, by the
//! clock of whoever appended the fact.

use credentials::records::Scope;
use serde::{Deserialize, Serialize};

/// One fact of a user's journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fact {
    /// There is an account now; ignored where there is one that does not wait for confirmation.
    Registered(Registered),
    /// The owner of the account has shown that the address is theirs.
    EmailVerified {
        /// In lower case.
        email: String,
        /// Begins if this fact is the one that confirmed the address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<Session>,
        at: u64,
    },
    /// Another password; ignored unless the one that it replaces still holds.
    PasswordSet {
        password: Password,
        /// The id of the password before; none if there was none.
        replacing: Option<String>,
        ending: Ending,
        /// Whether it was set by somebody who reads the account's mail.
        verifies: bool,
        at: u64,
    },
    /// The same password, hashed anew.
    Rehashed {
        password: Password,
    },
    /// What is none stays as it was, unless it is cleared.
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
        /// The id of the password that was given; ignored if that has been changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password: Option<String>,
    },
    /// A refresh token was used.
    Refreshed {
        session: String,
        /// The token's.
        generation: u64,
        /// The session as it was before, where it is a guest's, which leaves no fact when it
        /// begins.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        begins: Option<Session>,
        at: u64,
    },
    SessionEnded {
        session: String,
        at: u64,
    },
    SessionsEnded {
        ending: Ending,
        /// A guest's session that may have left no fact.
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
    /// An OAuth flow was completed; only the first attempt of a flow counts.
    FlowCompleted {
        flow: String,
        attempt: String,
        at: u64,
    },
    /// A claim that had led to nothing is not to lead to anything any more.
    Barred {
        claim: String,
    },
    /// Everything ends.
    Deleted {
        /// Whether the id is never to be used again. An outside provider's users come back.
        dead: bool,
        /// A guest's session that may have left no fact.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        guest: Option<String>,
        at: u64,
    },
    /// What was said here has been erased.
    Erased,
}

/// The beginning of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Registered {
    pub(crate) email: Email,
    /// Whether it waits for the owner to confirm the address.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) pending: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) password: Option<Password>,
    /// An outside identity that it begins with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) identity: Option<Identity>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) image: Option<String>,
    /// The session of the guest that becomes the account; ends with that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) guest: Option<String>,
    pub(crate) at: u64,
}

/// An address, and the claim by which it is the account's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Email {
    /// As it was typed.
    pub(crate) address: String,
    pub(crate) verified: bool,
    /// The id of the claim.
    pub(crate) claim: String,
}

/// A password, by its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Password {
    /// Random; another for each password that is set.
    pub(crate) id: String,
    /// A PHC string.
    pub(crate) hash: String,
}

/// Which sessions end along with something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ending {
    None,
    All,
    AllBut(String),
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) created: u64,
    /// When it was last renewed.
    pub(crate) renewed: u64,
    /// That of the refresh token that is to be used next.
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
    /// SHA-256 of the key, in hexadecimal: the name of its record.
    pub(crate) hash: String,
    pub(crate) name: String,
    /// The key's beginning.
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

/// An identity at an OAuth provider, and the claim by which it is the account's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) provider: String,
    /// The provider's id of the user.
    pub(crate) subject: String,
    /// The id of the claim.
    pub(crate) claim: String,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_false(value: &bool) -> bool {
    !*value
}
