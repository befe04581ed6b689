//! Who may do what. Pure functions of the data that `facts` reads.

use crate::input::invalid;
use crate::types::{Conflict, Error, Refusal, Role, Subject};

/// What a user may do in a channel. The numbers are those of `members.rank`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    Banned,
    Member,
    Moderator,
    Admin,
    Owner,
}

impl Rank {
    /// The rank with a number of the database. Numbers that are not ranks give none.
    pub(crate) fn from_number(number: i64) -> Option<Self> {
        let ranks = [
            Self::Banned,
            Self::Member,
            Self::Moderator,
            Self::Admin,
            Self::Owner,
        ];
        usize::try_from(number)
            .ok()
            .and_then(|index| ranks.get(index).copied())
    }

    pub(crate) fn number(self) -> i64 {
        match self {
            Self::Banned => 0,
            Self::Member => 1,
            Self::Moderator => 2,
            Self::Admin => 3,
            Self::Owner => 4,
        }
    }

    /// None for a banned user.
    pub(crate) fn role(self) -> Option<Role> {
        match self {
            Self::Banned => None,
            Self::Member => Some(Role::Member),
            Self::Moderator => Some(Role::Moderator),
            Self::Admin | Self::Owner => Some(Role::Admin),
        }
    }

    pub(crate) fn of_role(role: Role) -> Self {
        match role {
            Role::Member => Self::Member,
            Role::Moderator => Self::Moderator,
            Role::Admin => Self::Admin,
        }
    }
}

/// The rank of the actor of a request in a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ActorRank {
    Operator,
    /// None: neither a member nor banned.
    User(Option<Rank>),
}

/// A channel, as far as the rules depend on it.
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    pub(crate) id: String,
    pub(crate) is_private: bool,
    /// Rises with each change of a membership.
    pub(crate) version: i64,
    /// The owner included.
    pub(crate) admin_count: i64,
    pub(crate) actor: ActorRank,
}

/// Whether a membership has to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The membership is already as requested.
    Unchanged,
    Change,
}

impl Channel {
    /// Whether the actor may know of the channel, and so of a `subject` in it.
    pub(crate) fn see(&self, subject: Subject) -> Result<(), Error> {
        match self.actor {
            ActorRank::Operator => Ok(()),
            ActorRank::User(Some(rank)) if rank >= Rank::Member => Ok(()),
            ActorRank::User(_) if self.is_private => Err(Error::NotFound(subject)),
            ActorRank::User(_) => Ok(()),
        }
    }

    /// The rank of the actor, who has to be a member. That of the operator is an owner's.
    pub(crate) fn member(&self, subject: Subject) -> Result<Rank, Error> {
        self.see(subject)?;
        match self.actor {
            ActorRank::Operator => Ok(Rank::Owner),
            ActorRank::User(Some(Rank::Banned)) => Err(Error::Forbidden(Refusal::Banned)),
            ActorRank::User(Some(rank)) => Ok(rank),
            ActorRank::User(None) => Err(Error::Forbidden(Refusal::NotAMember)),
        }
    }

    /// The rank of the actor, which has to be at least `least`.
    pub(crate) fn at_least(&self, least: Rank, subject: Subject) -> Result<Rank, Error> {
        let rank = self.member(subject)?;
        if rank < least {
            return Err(Error::Forbidden(Refusal::RoleTooLow));
        }
        Ok(rank)
    }

    /// Whether one admin fewer leaves none.
    fn loses_last_admin(&self, target: Rank) -> bool {
        target >= Rank::Admin && self.admin_count <= 1
    }

    /// Joining without an invitation.
    pub(crate) fn join(&self) -> Result<Outcome, Error> {
        self.see(Subject::Channel)?;
        match self.actor {
            ActorRank::User(Some(Rank::Banned)) => Err(Error::Forbidden(Refusal::Banned)),
            ActorRank::User(Some(_)) => Ok(Outcome::Unchanged),
            ActorRank::User(None) | ActorRank::Operator => Ok(Outcome::Change),
        }
    }

    /// Joining by an invitation.
    pub(crate) fn accept(&self) -> Result<Outcome, Error> {
        match self.actor {
            ActorRank::User(Some(Rank::Banned)) => Err(Error::Forbidden(Refusal::Banned)),
            ActorRank::User(Some(_)) => Ok(Outcome::Unchanged),
            ActorRank::User(None) | ActorRank::Operator => Ok(Outcome::Change),
        }
    }

    pub(crate) fn leave(&self) -> Result<(), Error> {
        self.see(Subject::Channel)?;
        match self.actor {
            ActorRank::User(Some(rank)) if rank >= Rank::Member => {
                if self.loses_last_admin(rank) {
                    return Err(Error::Conflict(Conflict::LastAdmin));
                }
                Ok(())
            }
            ActorRank::User(_) | ActorRank::Operator => Err(Error::NotFound(Subject::Member)),
        }
    }

    /// Adding a user with the rank `target`.
    pub(crate) fn add(&self, target: Option<Rank>) -> Result<Outcome, Error> {
        self.at_least(Rank::Admin, Subject::Channel)?;
        match target {
            None => Ok(Outcome::Change),
            Some(Rank::Banned) => Err(Error::Conflict(Conflict::UserIsBanned)),
            Some(_) => Ok(Outcome::Unchanged),
        }
    }

    /// Giving a member with the rank `target` another role.
    pub(crate) fn set_role(&self, target: Option<Rank>, role: Role) -> Result<Outcome, Error> {
        let rank = self.at_least(Rank::Admin, Subject::Channel)?;
        let target = member_of(target)?;
        if target > rank {
            return Err(Error::Forbidden(Refusal::Outranked));
        }
        if target.role() == Some(role) {
            return Ok(Outcome::Unchanged);
        }
        if self.loses_last_admin(target) {
            return Err(Error::Conflict(Conflict::LastAdmin));
        }
        Ok(Outcome::Change)
    }

    /// Making a member with the rank `target` the owner.
    pub(crate) fn transfer(&self, target: Option<Rank>) -> Result<Outcome, Error> {
        if self.member(Subject::Channel)? < Rank::Owner {
            return Err(Error::Forbidden(Refusal::NotTheOwner));
        }
        match member_of(target)? {
            Rank::Owner => Ok(Outcome::Unchanged),
            _ => Ok(Outcome::Change),
        }
    }

    /// Removing another member.
    pub(crate) fn remove(&self, target: Option<Rank>) -> Result<(), Error> {
        let rank = self.at_least(Rank::Moderator, Subject::Channel)?;
        self.lose(rank, member_of(target)?)
    }

    /// Banning a user, who need not be a member.
    pub(crate) fn ban(&self, target: Option<Rank>, is_self: bool) -> Result<(), Error> {
        let rank = self.at_least(Rank::Moderator, Subject::Channel)?;
        if is_self {
            return Err(invalid("userId", "You cannot ban yourself."));
        }
        match target {
            None | Some(Rank::Banned) => Ok(()),
            Some(target) => self.lose(rank, target),
        }
    }

    pub(crate) fn lift_ban(&self, target: Option<Rank>) -> Result<(), Error> {
        self.at_least(Rank::Moderator, Subject::Channel)?;
        match target {
            Some(Rank::Banned) => Ok(()),
            _ => Err(Error::NotFound(Subject::Member)),
        }
    }

    fn lose(&self, rank: Rank, target: Rank) -> Result<(), Error> {
        if target > rank {
            return Err(Error::Forbidden(Refusal::Outranked));
        }
        if self.loses_last_admin(target) {
            return Err(Error::Conflict(Conflict::LastAdmin));
        }
        Ok(())
    }
}

fn member_of(target: Option<Rank>) -> Result<Rank, Error> {
    target
        .filter(|rank| *rank >= Rank::Member)
        .ok_or(Error::NotFound(Subject::Member))
}

/// A thread, as far as the rules depend on it.
#[derive(Clone, Debug)]
pub(crate) struct Thread {
    pub(crate) id: String,
    pub(crate) channel: Channel,
    pub(crate) is_archived: bool,
    pub(crate) is_creator: bool,
}

impl Thread {
    /// Posting to it.
    pub(crate) fn post(&self) -> Result<(), Error> {
        self.channel.member(Subject::Thread)?;
        self.takes_messages()
    }

    fn takes_messages(&self) -> Result<(), Error> {
        if self.is_archived {
            return Err(Error::Conflict(Conflict::ThreadArchived));
        }
        Ok(())
    }

    /// Changing, archiving and unarchiving it.
    pub(crate) fn update(&self) -> Result<(), Error> {
        self.as_creator_or(Rank::Moderator)
    }

    pub(crate) fn delete(&self) -> Result<(), Error> {
        self.as_creator_or(Rank::Admin)
    }

    fn as_creator_or(&self, least: Rank) -> Result<(), Error> {
        let rank = self.channel.member(Subject::Thread)?;
        if rank < least && !self.is_creator {
            return Err(Error::Forbidden(Refusal::RoleTooLow));
        }
        Ok(())
    }
}

/// A message, as far as the rules depend on it.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) key: i64,
    pub(crate) thread: Thread,
    pub(crate) is_author: bool,
    pub(crate) is_deleted: bool,
    pub(crate) has_attachments: bool,
}

impl Message {
    pub(crate) fn edit(&self) -> Result<(), Error> {
        self.thread.channel.member(Subject::Message)?;
        if !self.is_author {
            return Err(Error::Forbidden(Refusal::NotTheAuthor));
        }
        self.thread.takes_messages()?;
        self.exists()
    }

    pub(crate) fn react(&self) -> Result<(), Error> {
        self.thread.channel.member(Subject::Message)?;
        self.thread.takes_messages()?;
        self.exists()
    }

    pub(crate) fn delete(&self) -> Result<(), Error> {
        let rank = self.thread.channel.member(Subject::Message)?;
        if rank < Rank::Moderator && !self.is_author {
            return Err(Error::Forbidden(Refusal::RoleTooLow));
        }
        Ok(())
    }

    pub(crate) fn list_previous_texts(&self) -> Result<(), Error> {
        let channel = &self.thread.channel;
        channel
            .at_least(Rank::Moderator, Subject::Message)
            .map(drop)
    }

    fn exists(&self) -> Result<(), Error> {
        if self.is_deleted {
            return Err(Error::Conflict(Conflict::MessageDeleted));
        }
        Ok(())
    }
}
