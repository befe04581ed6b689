//! Full text search.

use super::{columns, message_of};
use crate::bindings::exports::goldfish::messaging::messages::{MessagePage, SearchScope};
use crate::database::{Database, Dialect, Parameters, first_row, rows};
use crate::facts;
use crate::input::{Checks, invalid};
use crate::page::Listing;
use crate::types::{Actor, Error, PageRequest, PageStart, Subject};
use crate::{Session, channels, text, threads};

const QUERY_MAX: usize = 200;
/// Messages whose words one statement adds to the index, so that others are not kept waiting.
const WORDS_AT_ONCE: usize = 1000;

impl<D: Database> Session<'_, D> {
    pub(crate) async fn search(
        &self,
        user: &str,
        query: &str,
        scope: &SearchScope,
        page: &PageRequest,
    ) -> Result<MessagePage, Error> {
        let mut checks = Checks::default();
        checks.text("q", query, 1, QUERY_MAX);
        checks.finish()?;
        if page.count || matches!(page.start, PageStart::Offset(offset) if offset > 0) {
            return Err(invalid("offset", "A search has no offset and no total."));
        }
        let dialect = self.database.dialect();
        let query = text::search(dialect, text::Words::OfMessages, query)
            .ok_or_else(|| invalid("q", "It has neither a letter nor a digit."))?;
        let words = self.words_of(user, scope, dialect).await?;
        if dialect == Dialect::Sqlite {
            self.add_words().await?;
        }
        let listing = listing(dialect, user, query, words);
        let (rows, page) = listing.read(self.database, page).await?;
        let items = rows.into_iter().map(|mut row| message_of(&mut row));
        Ok(MessagePage {
            items: items.collect::<Result<_, _>>()?,
            page,
        })
    }

    /// The words that index the channel and the thread of the scope, with the operator that joins them to the query. The user has to
    /// be able to read them.
    async fn words_of(
        &self,
        user: &str,
        scope: &SearchScope,
        dialect: Dialect,
    ) -> Result<String, Error> {
        let actor = Actor::User(user.to_owned());
        let and = match dialect {
            Dialect::Sqlite => " AND ",
            Dialect::Postgres => " & ",
        };
        let mut words = String::new();
        if let Some(channel) = &scope.channel_id {
            let id = channels::id(channel)?;
            let (facts, _) = facts::channel(self.database, &actor, &id, None).await?;
            facts.member(Subject::Channel)?;
            words.push_str(&format!("{and}c{}", id.replace('-', "")));
        }
        if let Some(thread) = &scope.thread_id {
            let id = threads::id(thread)?;
            let facts = facts::thread(self.database, &actor, &id).await?;
            facts.channel.member(Subject::Thread)?;
            words.push_str(&format!("{and}t{}", id.replace('-', "")));
        }
        Ok(words)
    }

    /// Adds the words of messages that are not in the index yet. On PostgreSQL they are a column.
    async fn add_words(&self) -> Result<(), Error> {
        let due = "SELECT CAST(JSON_OF(indexed) AS TEXT) FROM message_words_position
           WHERE indexed < (SELECT max(key) FROM messages)";
        let add = format!(
            "UPDATE message_words_position SET indexed = coalesce((
               SELECT max(key) FROM (SELECT key FROM messages WHERE key > indexed ORDER BY key LIMIT {WORDS_AT_ONCE})),
               indexed)"
        );
        while first_row(self.database, due, Vec::new()).await?.is_some() {
            rows(self.database, &add, Vec::new()).await?;
        }
        Ok(())
    }
}

fn listing(dialect: Dialect, user: &str, query: String, words: String) -> Listing {
    let mut parameters = Parameters::default();
    let user = parameters.add(user);
    let query = parameters.add(query);
    let words = parameters.add(words);
    let member = format!("me.channel_id = m.channel_id AND me.user_id = {user} AND me.rank > 0");
    let channels = |function: &str, or: &str| {
        format!(
            "(SELECT {function}('c' || replace(o.channel_id, '-', ''), ' {or} ') FROM members o
              WHERE o.user_id = {user} AND o.rank > 0)"
        )
    };
    let (key, from, condition) = match dialect {
        Dialect::Sqlite => (
            "w.rowid",
            format!(
                "message_words w CROSS JOIN messages m ON m.key = w.rowid CROSS JOIN members me ON {member}"
            ),
            format!(
                "w.words MATCH '(' || {query} || ') AND (' || coalesce({}, 'c0') || ')' || {words}",
                channels("group_concat", "OR")
            ),
        ),
        Dialect::Postgres => (
            "m.key",
            format!("messages m JOIN members me ON {member}"),
            format!(
                "m.words @@ to_tsquery('simple', '(' || {query} || ') & (' || coalesce({}, 'c0') || ')' || {words})",
                channels("string_agg", "|")
            ),
        ),
    };
    Listing {
        columns: columns("m", &user),
        from,
        conditions: vec![condition, "m.deleted_at IS NULL".to_owned()],
        key,
        is_descending: true,
        total: None,
        parameters,
    }
}
