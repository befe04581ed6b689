//! Lists in pages.

use crate::database::{Database, Parameters, Row, first_row};
use crate::input::invalid;
use crate::types::{Error, PageInfo, PageRequest, PageStart};

/// The largest page.
pub(crate) const LIMIT_MAX: u32 = 100;

/// Beyond it, skipping items takes too long. Clients should use a cursor instead.
const OFFSET_MAX: u32 = 1_000_000;

/// A list that is read in pages, in the order of a column with unique integers.
pub(crate) struct Listing {
    /// The columns of an item.
    pub(crate) columns: String,
    /// Tables and joins.
    pub(crate) from: String,
    /// Conditions, joined by AND.
    pub(crate) conditions: Vec<String>,
    /// The column that gives the order. The table that it is of has an index for conditions and order.
    pub(crate) key: &'static str,
    /// Whether the greatest key comes first.
    pub(crate) is_descending: bool,
    /// An expression for the number of all items that is faster than to count them one by one.
    pub(crate) total: Option<String>,
    pub(crate) parameters: Parameters,
}

impl Listing {
    /// Reads a page: its items, in order, and the total of the whole list.
    pub(crate) async fn read<D: Database>(
        self,
        database: &D,
        request: &PageRequest,
    ) -> Result<(Vec<Row>, PageInfo), Error> {
        let limit = limit(request.limit)?;
        let (offset, cursor) = match &request.start {
            PageStart::Beginning => (0, None),
            PageStart::Offset(offset) if *offset <= OFFSET_MAX => (*offset, None),
            PageStart::Offset(_) => {
                return Err(invalid("offset", "Use a cursor to get further than that."));
            }
            PageStart::Cursor(cursor) => (0, Some(parse(cursor)?)),
        };
        let total = if request.count {
            Some(self.count(database).await?)
        } else {
            None
        };
        let mut rows = self.rows(database, limit, offset, cursor).await?;
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next = match rows.last() {
            Some((key, _)) if has_more => Some(key.to_string()),
            _ => None,
        };
        let rows = rows.into_iter().map(|(_, row)| row).collect();
        Ok((rows, PageInfo { next, total }))
    }

    async fn count<D: Database>(&self, database: &D) -> Result<u64, Error> {
        let statement = match &self.total {
            Some(total) => format!("SELECT CAST(JSON_OF({total}) AS TEXT)"),
            None => {
                let (from, conditions) = (&self.from, self.conditions.join(" AND "));
                format!("SELECT CAST(JSON_OF(count(*)) AS TEXT) FROM {from} WHERE {conditions}")
            }
        };
        let parameters = self.parameters.0.clone();
        match first_row(database, &statement, parameters).await? {
            Some(mut row) => Ok(row.unsigned()?),
            None => Ok(0),
        }
    }

    /// Up to one item more than `limit`, each with its key.
    async fn rows<D: Database>(
        mut self,
        database: &D,
        limit: usize,
        offset: u32,
        cursor: Option<i64>,
    ) -> Result<Vec<(i64, Row)>, Error> {
        let key = self.key;
        let (comparison, direction, beginning) = if self.is_descending {
            ("<", "DESC", i64::MAX)
        } else {
            (">", "ASC", i64::MIN)
        };
        let cursor = self.parameters.add(cursor.unwrap_or(beginning));
        self.conditions.push(format!("{key} {comparison} {cursor}"));
        let limit = self.parameters.add(u64::try_from(limit).unwrap_or(0) + 1);
        let offset = self.parameters.add(i64::from(offset));
        let (columns, from, conditions) = (self.columns, self.from, self.conditions.join(" AND "));
        // One row with all of them crosses the boundary of the component faster than many.
        let statement = format!(
            "SELECT CAST(JSON_ALL(NESTED(item)) AS TEXT) FROM (
               SELECT JSON_OF({key}, {columns}) AS item FROM {from} WHERE {conditions}
               ORDER BY {key} {direction} LIMIT {limit} OFFSET {offset}) page
             HAVING count(*) > 0"
        );
        let Some(all) = first_row(database, &statement, self.parameters.0).await? else {
            return Ok(Vec::new());
        };
        let mut rows = all
            .into_rows()?
            .into_iter()
            .map(|mut row| Ok((row.integer()?, row)))
            .collect::<Result<Vec<_>, Error>>()?;
        // The order in which an aggregate sees its rows is not promised.
        rows.sort_by_key(|(key, _)| *key);
        if self.is_descending {
            rows.reverse();
        }
        Ok(rows)
    }
}

/// Checks the size of a page.
pub(crate) fn limit(limit: u32) -> Result<usize, Error> {
    if (1..=LIMIT_MAX).contains(&limit) {
        return Ok(usize::try_from(limit).unwrap_or(1));
    }
    Err(invalid("limit", "It has to be 1 to 100."))
}

fn parse(cursor: &str) -> Result<i64, Error> {
    let key: Option<i64> = cursor.parse().ok();
    key.filter(|key| *key >= 0)
        .ok_or_else(|| invalid("cursor", "It is not a cursor of this list."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_outside_of_1_to_100_is_invalid() {
        assert!(limit(0).is_err() && limit(101).is_err());
        assert_eq!((limit(1).unwrap(), limit(100).unwrap()), (1, 100));
    }

    #[test]
    fn cursor_that_is_not_a_number_is_invalid() {
        for text in ["", "-1", "x", "1 ", "99999999999999999999"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(parse("17").unwrap(), 17);
    }
}
