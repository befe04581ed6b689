//! Reading a thread, and how far it was read.

use super::{channel_of, columns, message_of, reads};
use crate::bindings::exports::goldfish::messaging::messages::{History, Position, ReadState};
use crate::database::{Database, Frequent, first_row};
use crate::facts::{self, user_of};
use crate::threads;
use crate::types::{Actor, Error, Subject, Unread};
use crate::{ATTEMPTS_MAX, Session, contended, page};

/// The messages with the numbers after `upper - $5` up to `upper`, if the user may read them. There are no more than `$5`:
/// the limit tells PostgreSQL so, which would otherwise expect many of a long thread and compile the statement.
static LIST: Frequent = Frequent::new(|| {
    let columns = columns("page", "$2");
    let upper = "coalesce(CAST($3 AS BIGINT), t.last_number - $4)";
    format!(
        "SELECT CAST(JSON_OF(c.is_private, a.rank, t.last_number, NESTED((
           SELECT JSON_ALL(JSON_OF({columns})) FROM (
             SELECT x.* FROM messages x
             WHERE x.thread_id = t.id AND x.number > {upper} - $5 AND x.number <= {upper}
               AND (CAST($2 AS TEXT) IS NULL OR a.rank > 0)
             LIMIT $5) page))) AS TEXT)
         FROM threads t
         JOIN channels c ON c.id = t.channel_id
         LEFT JOIN members a ON a.channel_id = c.id AND a.user_id = $2
         WHERE t.id = $1"
    )
});

impl<D: Database> Session<'_, D> {
    /// Numbers have no gaps, so every part of a thread is a range of numbers.
    pub(crate) async fn list_messages(
        &self,
        actor: &Actor,
        thread: &str,
        position: Position,
        limit: u32,
    ) -> Result<History, Error> {
        let thread = threads::id(thread)?;
        let limit = i64::try_from(page::limit(limit)?).unwrap_or(1);
        let (upper, skipped) = range(position, limit);
        let parameters = vec![
            thread.into(),
            user_of(actor).into(),
            upper.into(),
            skipped.into(),
            limit.into(),
        ];
        let row = LIST.first_row(self.database, parameters).await?;
        let mut row = row.ok_or(Error::NotFound(Subject::Thread))?;
        reads(&channel_of(&mut row, actor)?, Subject::Thread)?;
        let last_number = row.unsigned()?;
        let mut messages = Vec::new();
        if let Some(all) = row.optional_row()? {
            for mut row in all.into_rows()? {
                messages.push(message_of(&mut row)?);
            }
        }
        messages.sort_by_key(|message| message.number);
        Ok(History {
            messages,
            last_number,
        })
    }

    pub(crate) async fn mark_read(
        &self,
        user: &str,
        thread: &str,
        number: u64,
    ) -> Result<ReadState, Error> {
        let id = threads::id(thread)?;
        let actor = Actor::User(user.to_owned());
        let statement = "WITH locked AS (
             SELECT t.id, me.user_id, t.last_number FROM threads t
             JOIN members me ON me.channel_id = t.channel_id AND me.user_id = $2 AND me.rank > 0
             WHERE t.id = $1 /*+ FOR SHARE OF me */)
           INSERT INTO reads (thread_id, user_id, number, marked_at)
           SELECT locked.id, locked.user_id, LEAST(CAST($3 AS BIGINT), locked.last_number), CAST($4 AS BIGINT)
           FROM locked WHERE 1 = 1
           ON CONFLICT (thread_id, user_id) DO UPDATE SET number = GREATEST(reads.number, excluded.number),
             marked_at = excluded.marked_at
           RETURNING CAST(JSON_OF(number) AS TEXT)";
        for _ in 0..ATTEMPTS_MAX {
            let parameters = vec![(&id).into(), user.into(), number.into(), self.now.into()];
            if let Some(mut row) = first_row(self.database, statement, parameters).await? {
                let number = row.unsigned()?;
                let (thread, _) = self.find_thread(&actor, &id).await?;
                let none = Unread {
                    messages: 0,
                    mentions: 0,
                };
                return Ok(ReadState {
                    thread_id: thread.id,
                    channel_id: thread.channel_id,
                    number,
                    unread: thread.unread.unwrap_or(none),
                });
            }
            let facts = facts::thread(self.database, &actor, &id).await?;
            facts.channel.member(Subject::Thread)?;
        }
        Err(contended())
    }
}

/// The last number of a range of `limit` numbers, none if it is counted from the thread's last one; and how many it is
/// before that.
fn range(position: Position, limit: i64) -> (Option<i64>, i64) {
    // No number is higher. Sums with it do not overflow.
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX).min(i64::MAX / 4);
    match position {
        Position::Latest => (None, 0),
        Position::Offset(offset) => (None, i64::from(offset)),
        Position::Before(before) => (Some(number(before) - 1), 0),
        Position::After(after) => (Some(number(after) + limit), 0),
        Position::Around(around) => {
            // The same number on both sides. At the beginning of the thread there are more after it.
            let first = (number(around) - limit / 2).max(1);
            (Some(first - 1 + limit), 0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(position: Position, limit: i64, last: i64) -> Vec<i64> {
        let (upper, skipped) = range(position, limit);
        let upper = upper.unwrap_or(last - skipped);
        (1..=last)
            .filter(|number| *number > upper - limit && *number <= upper)
            .collect()
    }

    #[test]
    fn range_of_each_position_has_the_numbers_that_are_nearest() {
        assert_eq!(numbers(Position::Latest, 3, 10), [8, 9, 10]);
        assert_eq!(numbers(Position::Offset(8), 3, 10), [1, 2]);
        assert_eq!(numbers(Position::Before(5), 3, 10), [2, 3, 4]);
        assert_eq!(numbers(Position::Before(0), 3, 10), [0; 0]);
        assert_eq!(numbers(Position::After(5), 3, 10), [6, 7, 8]);
        assert_eq!(numbers(Position::After(u64::MAX), 3, 10), [0; 0]);
        assert_eq!(numbers(Position::Around(5), 3, 10), [4, 5, 6]);
        assert_eq!(numbers(Position::Around(1), 3, 10), [1, 2, 3]);
        assert_eq!(numbers(Position::Around(10), 3, 10), [9, 10]);
    }
}
