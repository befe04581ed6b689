//! Users as others see them.

use crate::Session;
use crate::bindings::exports::goldfish::messaging::profiles::{
    AgeChange, Changes, Deletion, MessagesOfDeleted, Profile, User, UserPage,
};
use crate::database::{Database, Dialect, Parameters, Row, Value, first_row, rows};
use crate::input::{Checks, comparable, invalid, is_url, is_user_id};
use crate::page::Listing;
use crate::text;
use crate::types::{Error, PageRequest, Subject, TextChange};

const COLUMNS: &str =
    "u.id, u.name, u.image, u.created_at, u.updated_at, u.profile_id, u.display_name,
   u.avatar_url, u.banner_url, u.bio, u.age, u.profile_updated_at";

const NAME_MAX: usize = 100;
const BIO_MAX: usize = 500;
const AGE_MAX: u32 = 150;
/// Messages that one statement deletes, so that others are not kept waiting.
const MESSAGES_AT_ONCE: usize = 500;

impl<D: Database> Session<'_, D> {
    /// Whether the user was created.
    pub(crate) async fn ensure_user(
        &self,
        id: &str,
        name: &str,
        image: Option<&str>,
    ) -> Result<bool, Error> {
        if !is_user_id(id) {
            return Err(invalid("userId", "It is not a user id."));
        }
        match crate::facts::user(self.database, id).await {
            Err(Error::NotFound(_)) => {}
            other => return other.map(|()| false),
        }
        let name: String = name
            .chars()
            .filter(|character| *character != '\0')
            .take(NAME_MAX)
            .collect();
        let name = if name.trim().is_empty() {
            "User".to_owned()
        } else {
            name
        };
        let handle = text::handle(&name);
        let image = image.filter(|image| is_url(image));
        let profile = ids::new_uuid_at(self.now);
        let parameters = vec![
            id.into(),
            name.into(),
            handle.into(),
            image.into(),
            profile.into(),
            self.now.into(),
        ];
        let statement = "INSERT INTO users
             (id, name, name_handle, image, profile_id, created_at, updated_at, profile_updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $6, $6) ON CONFLICT (id) DO NOTHING
           RETURNING CAST(JSON_OF(id) AS TEXT)";
        let created = rows(self.database, statement, parameters).await?;
        Ok(!created.is_empty())
    }

    pub(crate) async fn get_user(&self, id: &str) -> Result<User, Error> {
        let statement =
            format!("SELECT CAST(JSON_OF({COLUMNS}) AS TEXT) FROM users u WHERE u.id = $1");
        let row = first_row(self.database, &statement, vec![Value::from(comparable(id))]).await?;
        user_of(&mut row.ok_or(Error::NotFound(Subject::User))?)
    }

    pub(crate) async fn list_users(
        &self,
        search: Option<&str>,
        page: &PageRequest,
    ) -> Result<UserPage, Error> {
        let mut parameters = Parameters::default();
        let mut conditions = vec!["u.key > 0".to_owned()];
        let mut from = "users u".to_owned();
        let mut key = "u.key";
        if let Some(search) = search {
            let dialect = self.database.dialect();
            let query = text::search(dialect, text::Words::OfNames, search)
                .ok_or_else(|| invalid("search", "It has neither a letter nor a digit."))?;
            let query = parameters.add(query);
            match dialect {
                Dialect::Sqlite => {
                    from = "user_words w CROSS JOIN users u ON u.key = w.rowid".to_owned();
                    key = "w.rowid";
                    conditions = vec![format!("w.words MATCH {query}")];
                }
                Dialect::Postgres => {
                    conditions.push(format!("u.words @@ to_tsquery('simple', {query})"));
                }
            }
        }
        let listing = Listing {
            columns: COLUMNS.to_owned(),
            from,
            conditions,
            key,
            is_descending: true,
            total: None,
            parameters,
        };
        let (rows, page) = listing.read(self.database, page).await?;
        let items = rows.into_iter().map(|mut row| user_of(&mut row));
        Ok(UserPage {
            items: items.collect::<Result<_, _>>()?,
            page,
        })
    }

    pub(crate) async fn update_user(&self, id: &str, changes: Changes) -> Result<User, Error> {
        check(&changes)?;
        let mut parameters = Parameters::default();
        let mut set = Vec::new();
        let user = parameters.add(comparable(id));
        let now = parameters.add(self.now);
        if let Some(name) = &changes.name {
            set.push(format!("name = {}", parameters.add(name)));
            set.push(format!(
                "name_handle = {}",
                parameters.add(text::handle(name))
            ));
        }
        set_text(&mut set, &mut parameters, "image", &changes.image);
        if !set.is_empty() {
            set.push(format!("updated_at = {now}"));
        }
        let before = set.len();
        set_text(
            &mut set,
            &mut parameters,
            "display_name",
            &changes.display_name,
        );
        match &changes.display_name {
            TextChange::Keep => {}
            TextChange::Clear => set.push("display_handle = NULL".to_owned()),
            TextChange::Set(name) => {
                set.push(format!(
                    "display_handle = {}",
                    parameters.add(text::handle(name))
                ));
            }
        }
        set_text(&mut set, &mut parameters, "avatar_url", &changes.avatar_url);
        set_text(&mut set, &mut parameters, "banner_url", &changes.banner_url);
        set_text(&mut set, &mut parameters, "bio", &changes.bio);
        match changes.age {
            AgeChange::Keep => {}
            AgeChange::Clear => set.push("age = NULL".to_owned()),
            AgeChange::Set(age) => set.push(format!("age = {}", parameters.add(i64::from(age)))),
        }
        if set.len() > before {
            set.push(format!("profile_updated_at = {now}"));
        }
        if set.is_empty() {
            return self.get_user(id).await;
        }
        let set = set.join(", ");
        let statement = format!(
            "UPDATE users SET {set} WHERE id = {user} RETURNING CAST(JSON_OF(key) AS TEXT)"
        );
        let row = first_row(self.database, &statement, parameters.0).await?;
        row.ok_or(Error::NotFound(Subject::User))?;
        self.get_user(id).await
    }

    pub(crate) async fn delete_user(
        &self,
        id: &str,
        messages: MessagesOfDeleted,
    ) -> Result<Deletion, Error> {
        let id = comparable(id);
        let mut deletion = Deletion {
            channels_passed_on: Vec::new(),
            channels_deleted: Vec::new(),
            messages_deleted: 0,
        };
        let owned = "SELECT CAST(JSON_OF(c.id, c.admin_count) AS TEXT) FROM channels c WHERE c.owner_id = $1";
        for mut row in rows(self.database, owned, vec![id.into()]).await? {
            let channel = row.text()?;
            if row.integer()? > 1 {
                deletion.channels_passed_on.push(channel);
            } else {
                deletion.channels_deleted.push(channel);
            }
        }
        if messages == MessagesOfDeleted::Delete {
            // Without a membership nothing is posted while the messages are being deleted.
            let leave = "DELETE FROM members WHERE user_id = $1";
            rows(self.database, leave, vec![id.into()]).await?;
            deletion.messages_deleted = self.delete_messages_of(id).await?;
        }
        // Triggers and foreign keys do the rest.
        let delete = "DELETE FROM users WHERE id = $1";
        rows(self.database, delete, vec![id.into()]).await?;
        Ok(deletion)
    }

    /// Deletes the content of all messages of a user, some at a time; they have no sender then.
    async fn delete_messages_of(&self, id: &str) -> Result<u64, Error> {
        let statement = format!(
            "UPDATE messages SET content = CASE WHEN deleted_at IS NULL THEN '' ELSE content END,
               attachments = NULL, mentions = NULL, has_reactions = 0, sender_id = NULL,
               deleted_at = coalesce(deleted_at, $2)
             WHERE key IN (SELECT key FROM messages WHERE sender_id = $1 LIMIT {MESSAGES_AT_ONCE})
             RETURNING CAST(JSON_OF(deleted_at) AS TEXT)"
        );
        let mut deleted = 0;
        loop {
            let parameters = vec![id.into(), self.now.into()];
            let batch = rows(self.database, &statement, parameters).await?;
            let is_last = batch.len() < MESSAGES_AT_ONCE;
            for mut row in batch {
                deleted += u64::from(row.unsigned()? == self.now);
            }
            if is_last {
                return Ok(deleted);
            }
        }
    }
}

fn check(changes: &Changes) -> Result<(), Error> {
    let mut checks = Checks::default();
    checks.optional_text("name", changes.name.as_deref(), 1, NAME_MAX);
    checks.url_change("image", &changes.image);
    checks.text_change("profile.displayName", &changes.display_name, 1, NAME_MAX);
    checks.url_change("profile.avatarUrl", &changes.avatar_url);
    checks.url_change("profile.bannerUrl", &changes.banner_url);
    checks.text_change("profile.bio", &changes.bio, 0, BIO_MAX);
    if matches!(changes.age, AgeChange::Set(age) if age > AGE_MAX) {
        checks.add("profile.age", "It is greater than 150.");
    }
    checks.finish()
}

/// Adds the change of a column to those of an UPDATE.
pub(crate) fn set_text(
    set: &mut Vec<String>,
    parameters: &mut Parameters,
    column: &str,
    change: &TextChange,
) {
    match change {
        TextChange::Keep => {}
        TextChange::Clear => set.push(format!("{column} = NULL")),
        TextChange::Set(text) => set.push(format!("{column} = {}", parameters.add(text))),
    }
}

fn user_of(row: &mut Row) -> Result<User, Error> {
    let (id, name, image) = (row.text()?, row.text()?, row.optional_text()?);
    let (created_at, updated_at) = (row.unsigned()?, row.unsigned()?);
    let profile = Profile {
        id: row.text()?,
        display_name: row.optional_text()?,
        avatar_url: row.optional_text()?,
        banner_url: row.optional_text()?,
        bio: row.optional_text()?,
        age: row
            .optional_unsigned()?
            .and_then(|age| u32::try_from(age).ok()),
        created_at,
        updated_at: row.unsigned()?,
    };
    Ok(User {
        id,
        name,
        image,
        created_at,
        updated_at,
        profile,
    })
}
