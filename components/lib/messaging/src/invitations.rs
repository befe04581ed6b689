//! Invitations to channels.

use crate::bindings::exports::goldfish::messaging::invitations::{
    CreatedInvitation, Invitation, InvitationPage, Membership, NewInvitation,
};
use crate::channels;
use crate::database::{Database, Parameters, Row, first_row, rows};
use crate::facts::{self, user_of};
use crate::input::{self, Checks};
use crate::members::{self, membership_of};
use crate::page::Listing;
use crate::rules::{Outcome, Rank};
use crate::types::{Actor, Channel, Conflict, Error, PageRequest, Subject};
use crate::{ATTEMPTS_MAX, Session, contended};

const COLUMNS: &str =
    "i.id, i.channel_id, i.created_by, i.created_at, i.expires_at, i.max_uses, i.uses";
/// Valid at the time `$2`.
const VALID: &str =
    "(i.expires_at IS NULL OR i.expires_at > $2) AND (i.max_uses IS NULL OR i.uses < i.max_uses)";
/// Valid invitations of one channel.
const INVITATIONS_MAX: u64 = 100;

impl<D: Database> Session<'_, D> {
    pub(crate) async fn create_invitation(
        &self,
        actor: &Actor,
        channel: &str,
        new: &NewInvitation,
    ) -> Result<CreatedInvitation, Error> {
        let channel = channels::id(channel)?;
        let token = ids::new_uuid().replace('-', "");
        for _ in 0..ATTEMPTS_MAX {
            let (facts, _) = facts::channel(self.database, actor, &channel, None).await?;
            facts.at_least(Rank::Admin, Subject::Channel)?;
            let mut checks = Checks::default();
            if new
                .expires_at
                .is_some_and(|time| time <= self.now || i64::try_from(time).is_err())
            {
                checks.add("expiresAt", "It is not in the future.");
            }
            if new.max_uses == Some(0) {
                checks.add("maxUses", "It is not at least 1.");
            }
            checks.finish()?;
            if self.count_valid(&channel).await? >= INVITATIONS_MAX {
                return Err(Error::Conflict(Conflict::TooManyInvitations));
            }
            let statement = format!(
                "WITH locked AS (
                   SELECT c.id FROM channels c WHERE c.id = $1 AND c.membership_version = $2 /*+ FOR SHARE */)
                 INSERT INTO invitations AS i
                   (id, channel_id, token_hash, created_by, created_at, expires_at, max_uses)
                 SELECT $3, locked.id, $4, CAST($5 AS TEXT), CAST($6 AS BIGINT), CAST($7 AS BIGINT),
                   CAST($8 AS BIGINT)
                 FROM locked RETURNING CAST(JSON_OF({}) AS TEXT)",
                COLUMNS.replace("i.", "")
            );
            let parameters = vec![
                (&channel).into(),
                facts.version.into(),
                ids::new_uuid_at(self.now).into(),
                ids::sha256_hex(&[&token]).into(),
                user_of(actor).into(),
                self.now.into(),
                new.expires_at.into(),
                new.max_uses.map(u64::from).into(),
            ];
            if let Some(mut row) = first_row(self.database, &statement, parameters).await? {
                let invitation = invitation_of(&mut row)?;
                return Ok(CreatedInvitation { invitation, token });
            }
        }
        Err(contended())
    }

    async fn count_valid(&self, channel: &str) -> Result<u64, Error> {
        let statement = format!(
            "SELECT CAST(JSON_OF(count(*)) AS TEXT) FROM invitations i WHERE i.channel_id = $1 AND {VALID}"
        );
        let parameters = vec![channel.into(), self.now.into()];
        match first_row(self.database, &statement, parameters).await? {
            Some(mut row) => Ok(row.unsigned()?),
            None => Ok(0),
        }
    }

    pub(crate) async fn list_invitations(
        &self,
        actor: &Actor,
        channel: &str,
        page: &PageRequest,
    ) -> Result<InvitationPage, Error> {
        let channel = channels::id(channel)?;
        let (facts, _) = facts::channel(self.database, actor, &channel, None).await?;
        facts.at_least(Rank::Admin, Subject::Channel)?;
        let mut parameters = Parameters::default();
        let channel = parameters.add(channel);
        let listing = Listing {
            columns: COLUMNS.to_owned(),
            from: "invitations i".to_owned(),
            conditions: vec![format!("i.channel_id = {channel}")],
            key: "i.key",
            is_descending: true,
            total: None,
            parameters,
        };
        let (rows, page) = listing.read(self.database, page).await?;
        let items = rows.into_iter().map(|mut row| invitation_of(&mut row));
        Ok(InvitationPage {
            items: items.collect::<Result<_, _>>()?,
            page,
        })
    }

    pub(crate) async fn revoke_invitation(
        &self,
        actor: &Actor,
        channel: &str,
        id: &str,
    ) -> Result<(), Error> {
        let channel = channels::id(channel)?;
        let (facts, _) = facts::channel(self.database, actor, &channel, None).await?;
        facts.at_least(Rank::Admin, Subject::Channel)?;
        let id = input::id(id, Error::NotFound(Subject::Invitation))?;
        let statement = "DELETE FROM invitations WHERE id = $1 AND channel_id = $2
           RETURNING CAST(JSON_OF(id) AS TEXT)";
        let deleted = rows(self.database, statement, vec![id.into(), channel.into()]).await?;
        if deleted.is_empty() {
            return Err(Error::NotFound(Subject::Invitation));
        }
        Ok(())
    }

    pub(crate) async fn inspect_invitation(
        &self,
        user: &str,
        token: &str,
    ) -> Result<Channel, Error> {
        let channel = self.channel_of_invitation(token).await?;
        let (facts, _) =
            facts::channel(self.database, &Actor::User(user.to_owned()), &channel, None).await?;
        facts.accept()?;
        self.find_channel(&Actor::User(user.to_owned()), &channel)
            .await
    }

    /// The channel of a valid invitation.
    async fn channel_of_invitation(&self, token: &str) -> Result<String, Error> {
        let statement = format!(
            "SELECT CAST(JSON_OF(i.channel_id) AS TEXT) FROM invitations i WHERE i.token_hash = $1 AND {VALID}"
        );
        let parameters = vec![ids::sha256_hex(&[token]).into(), self.now.into()];
        let row = first_row(self.database, &statement, parameters).await?;
        Ok(row.ok_or(Error::NotFound(Subject::Invitation))?.text()?)
    }

    pub(crate) async fn accept_invitation(
        &self,
        user: &str,
        token: &str,
    ) -> Result<Membership, Error> {
        let actor = Actor::User(user.to_owned());
        for _ in 0..ATTEMPTS_MAX {
            let channel = self.channel_of_invitation(token).await?;
            let (facts, _) = facts::channel(self.database, &actor, &channel, None).await?;
            let membership = match facts.accept()? {
                Outcome::Unchanged => self.membership(&channel, user).await?,
                Outcome::Change => self.join_by(user, token).await?,
            };
            if let Some(membership) = membership {
                return Ok(membership);
            }
            facts::user(self.database, user).await?;
        }
        Err(contended())
    }

    async fn join_by(&self, user: &str, token: &str) -> Result<Option<Membership>, Error> {
        let statement = format!(
            "WITH locked AS (
               SELECT i.id, i.channel_id FROM invitations i JOIN channels c ON c.id = i.channel_id
               WHERE i.token_hash = $1 AND {VALID} /*+ FOR NO KEY UPDATE OF c, i */)
             INSERT INTO members (id, channel_id, user_id, rank, joined_at, invitation_id)
             SELECT $4, locked.channel_id, u.id, 1, CAST($2 AS BIGINT), locked.id
             FROM locked JOIN users u ON u.id = $3 WHERE 1 = 1
             ON CONFLICT (channel_id, user_id) DO NOTHING RETURNING CAST(JSON_OF({}) AS TEXT)",
            members::columns("members")
        );
        let parameters = vec![
            ids::sha256_hex(&[token]).into(),
            self.now.into(),
            user.into(),
            ids::new_uuid().into(),
        ];
        let row = first_row(self.database, &statement, parameters).await?;
        row.map(|mut row| membership_of(&mut row, false))
            .transpose()
    }
}

/// The columns of [`COLUMNS`].
fn invitation_of(row: &mut Row) -> Result<Invitation, Error> {
    Ok(Invitation {
        id: row.text()?,
        channel_id: row.text()?,
        created_by: row.optional_text()?,
        created_at: row.unsigned()?,
        expires_at: row.optional_unsigned()?,
        max_uses: row
            .optional_unsigned()?
            .and_then(|uses| u32::try_from(uses).ok()),
        uses: u32::try_from(row.unsigned()?).unwrap_or(u32::MAX),
    })
}
