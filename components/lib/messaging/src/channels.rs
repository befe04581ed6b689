//! Channels.

use crate::bindings::exports::goldfish::messaging::channels::{
    Changes, ChannelPage, Filter, NewChannel,
};
use crate::database::{Database, Dialect, Parameters, Row, first_row, rows};
use crate::facts::{self, rank_of, user_of};
use crate::input::{self, Checks, invalid};
use crate::page::Listing;
use crate::profiles::set_text;
use crate::rules::Rank;
use crate::types::{Actor, Channel, Error, PageRequest, Subject, TextChange};
use crate::{ATTEMPTS_MAX, Session, contended, text};

/// A channel `c`, with the membership `me` of the actor.
pub(crate) const COLUMNS: &str =
    "c.id, c.name, c.description, c.is_private, c.category, c.image_url,
   c.banner_url, c.owner_id, c.created_at, c.updated_at, c.member_count, me.rank";

const NAME_MAX: usize = 100;
const DESCRIPTION_MAX: usize = 500;
const CATEGORY_MAX: usize = 50;
const CATEGORY: &str = "General";

/// A UUID of a channel, or the error for one that does not exist.
pub(crate) fn id(text: &str) -> Result<String, Error> {
    input::id(text, Error::NotFound(Subject::Channel))
}

impl<D: Database> Session<'_, D> {
    pub(crate) async fn create_channel(
        &self,
        user: &str,
        channel: NewChannel,
    ) -> Result<Channel, Error> {
        let mut checks = Checks::default();
        checks.text("name", &channel.name, 1, NAME_MAX);
        checks.optional_text(
            "description",
            channel.description.as_deref(),
            0,
            DESCRIPTION_MAX,
        );
        checks.optional_text("category", channel.category.as_deref(), 1, CATEGORY_MAX);
        checks.optional_url("imageUrl", channel.image_url.as_deref());
        checks.optional_url("bannerUrl", channel.banner_url.as_deref());
        checks.finish()?;
        let id = ids::new_uuid_at(self.now);
        // A trigger makes the user a member.
        let statement = "INSERT INTO channels
             (id, name, description, is_private, category, image_url, banner_url, owner_id, created_at, updated_at)
           SELECT $1, $2, CAST($3 AS TEXT), CAST($4 AS BIGINT), $5, CAST($6 AS TEXT), CAST($7 AS TEXT), u.id,
             CAST($9 AS BIGINT), CAST($9 AS BIGINT)
           FROM users u WHERE u.id = $8 RETURNING CAST(JSON_OF(id) AS TEXT)";
        let parameters = vec![
            (&id).into(),
            channel.name.into(),
            channel.description.into(),
            channel.is_private.into(),
            channel
                .category
                .unwrap_or_else(|| CATEGORY.to_owned())
                .into(),
            channel.image_url.into(),
            channel.banner_url.into(),
            user.into(),
            self.now.into(),
        ];
        let row = first_row(self.database, statement, parameters).await?;
        row.ok_or(Error::NotFound(Subject::User))?;
        self.find_channel(&Actor::User(user.to_owned()), &id).await
    }

    pub(crate) async fn get_channel(&self, actor: &Actor, id: &str) -> Result<Channel, Error> {
        let channel = self.find_channel(actor, &self::id(id)?).await?;
        if channel.is_private && channel.role.is_none() && matches!(actor, Actor::User(_)) {
            return Err(Error::NotFound(Subject::Channel));
        }
        Ok(channel)
    }

    /// A channel as the actor sees it, who may.
    pub(crate) async fn find_channel(&self, actor: &Actor, id: &str) -> Result<Channel, Error> {
        let statement = format!(
            "SELECT CAST(JSON_OF({COLUMNS}) AS TEXT) FROM channels c
             LEFT JOIN members me ON me.channel_id = c.id AND me.user_id = $2 WHERE c.id = $1"
        );
        let parameters = vec![id.into(), user_of(actor).into()];
        let row = first_row(self.database, &statement, parameters).await?;
        channel_of(&mut row.ok_or(Error::NotFound(Subject::Channel))?)
    }

    pub(crate) async fn list_channels(
        &self,
        actor: &Actor,
        filter: &Filter,
        page: &PageRequest,
    ) -> Result<ChannelPage, Error> {
        let listing = self.listing(actor, filter)?;
        let (rows, page) = listing.read(self.database, page).await?;
        let items = rows.into_iter().map(|mut row| channel_of(&mut row));
        Ok(ChannelPage {
            items: items.collect::<Result<_, _>>()?,
            page,
        })
    }

    fn listing(&self, actor: &Actor, filter: &Filter) -> Result<Listing, Error> {
        let mut parameters = Parameters::default();
        let mut conditions = Vec::new();
        let mut key = "c.key";
        let user = parameters.add(user_of(actor));
        let mut from = "channels c".to_owned();
        if let Some(search) = &filter.search {
            let dialect = self.database.dialect();
            let query = text::search(dialect, text::Words::OfNames, search)
                .ok_or_else(|| invalid("search", "It has neither a letter nor a digit."))?;
            let query = parameters.add(query);
            match dialect {
                Dialect::Sqlite => {
                    from = "channel_words w CROSS JOIN channels c ON c.key = w.rowid".to_owned();
                    key = "w.rowid";
                    conditions.push(format!("w.words MATCH {query}"));
                }
                Dialect::Postgres => {
                    conditions.push(format!("c.words @@ to_tsquery('simple', {query})"));
                }
            }
        }
        let member = format!("me.channel_id = c.id AND me.user_id = {user}");
        // A user has joined fewer channels than there are, so `JOIN` reads fewer rows.
        let join = if filter.joined { "JOIN" } else { "LEFT JOIN" };
        from.push_str(&format!(" {join} members me ON {member}"));
        if let Some(category) = &filter.category {
            if category.contains('\0') {
                return Err(invalid("category", "It contains the character U+0000."));
            }
            conditions.push(format!("c.category = {}", parameters.add(category)));
        }
        // Public ones are counted in an index, and private ones among the user's own.
        let is_counted_apart =
            matches!(actor, Actor::User(_)) && !filter.joined && filter.search.is_none();
        let total = is_counted_apart.then(|| {
            let category = conditions
                .first()
                .map(|condition: &String| format!(" AND {condition}"));
            let category = category.unwrap_or_default();
            format!(
                "(SELECT count(*) FROM channels c WHERE c.is_private = 0{category})
                 + (SELECT count(*) FROM members me JOIN channels c ON {member}
                    WHERE me.rank > 0 AND c.is_private = 1{category})"
            )
        });
        match actor {
            _ if filter.joined => conditions.push("me.rank > 0".to_owned()),
            Actor::User(_) => conditions.push("(c.is_private = 0 OR me.rank > 0)".to_owned()),
            Actor::Operator => conditions.push("c.key > 0".to_owned()),
        }
        Ok(Listing {
            columns: COLUMNS.to_owned(),
            from,
            conditions,
            key,
            is_descending: true,
            total,
            parameters,
        })
    }

    pub(crate) async fn update_channel(
        &self,
        actor: &Actor,
        id: &str,
        changes: Changes,
    ) -> Result<Channel, Error> {
        let id = self::id(id)?;
        let mut checks = Checks::default();
        checks.optional_text("name", changes.name.as_deref(), 1, NAME_MAX);
        checks.text_change("description", &changes.description, 0, DESCRIPTION_MAX);
        checks.optional_text("category", changes.category.as_deref(), 1, CATEGORY_MAX);
        checks.url_change("imageUrl", &changes.image_url);
        checks.url_change("bannerUrl", &changes.banner_url);
        let is_description_only = changes.name.is_none()
            && changes.is_private.is_none()
            && changes.category.is_none()
            && matches!(changes.image_url, TextChange::Keep)
            && matches!(changes.banner_url, TextChange::Keep);
        let least = if is_description_only {
            Rank::Moderator
        } else {
            Rank::Admin
        };
        for _ in 0..ATTEMPTS_MAX {
            let (channel, _) = facts::channel(self.database, actor, &id, None).await?;
            channel.at_least(least, Subject::Channel)?;
            std::mem::take(&mut checks).finish()?;
            let mut parameters = Parameters::default();
            let (id, version) = (parameters.add(&id), parameters.add(channel.version));
            let mut set = vec![format!("updated_at = {}", parameters.add(self.now))];
            if let Some(name) = &changes.name {
                set.push(format!("name = {}", parameters.add(name)));
            }
            if let Some(is_private) = changes.is_private {
                set.push(format!("is_private = {}", parameters.add(is_private)));
            }
            if let Some(category) = &changes.category {
                set.push(format!("category = {}", parameters.add(category)));
            }
            set_text(
                &mut set,
                &mut parameters,
                "description",
                &changes.description,
            );
            set_text(&mut set, &mut parameters, "image_url", &changes.image_url);
            set_text(&mut set, &mut parameters, "banner_url", &changes.banner_url);
            let set = set.join(", ");
            let statement = format!(
                "UPDATE channels SET {set} WHERE id = {id} AND membership_version = {version}
                 RETURNING CAST(JSON_OF(id) AS TEXT)"
            );
            if first_row(self.database, &statement, parameters.0)
                .await?
                .is_some()
            {
                return self.find_channel(actor, &channel.id).await;
            }
        }
        Err(contended())
    }

    pub(crate) async fn delete_channel(&self, actor: &Actor, id: &str) -> Result<(), Error> {
        let id = self::id(id)?;
        for _ in 0..ATTEMPTS_MAX {
            let (channel, _) = facts::channel(self.database, actor, &id, None).await?;
            channel.at_least(Rank::Admin, Subject::Channel)?;
            let statement = "DELETE FROM channels WHERE id = $1 AND membership_version = $2
               RETURNING CAST(JSON_OF(id) AS TEXT)";
            let parameters = vec![(&id).into(), channel.version.into()];
            if !rows(self.database, statement, parameters).await?.is_empty() {
                return Ok(());
            }
        }
        Err(contended())
    }
}

/// The columns of [`COLUMNS`].
pub(crate) fn channel_of(row: &mut Row) -> Result<Channel, Error> {
    Ok(Channel {
        id: row.text()?,
        name: row.text()?,
        description: row.optional_text()?,
        is_private: row.flag()?,
        category: row.text()?,
        image_url: row.optional_text()?,
        banner_url: row.optional_text()?,
        owner: row.text()?,
        created_at: row.unsigned()?,
        updated_at: row.unsigned()?,
        member_count: row.unsigned()?,
        role: rank_of(row)?.and_then(Rank::role),
    })
}
