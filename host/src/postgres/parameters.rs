//! Parameters of statements.

use anyhow::{Context as _, Result};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use postgres_range::{BoundSided, BoundType, Normalizable, Range, RangeBound};
use rust_decimal::Decimal;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::types::{Bound, Interval, Null};
use crate::bindings::spin::postgres::postgres::{ParameterValue, RangeBoundKind};

/// A value that the client library can send.
type Parameter = Box<dyn ToSql + Sync + Send>;

/// Converts all parameters of a statement.
///
/// # Errors
/// If a date, time, UUID, decimal or JSON text is not valid.
pub(super) fn all(values: Vec<ParameterValue>) -> Result<Vec<Parameter>> {
    values.into_iter().map(one).collect()
}

fn one(value: ParameterValue) -> Result<Parameter> {
    Ok(match value {
        ParameterValue::Boolean(value) => Box::new(value),
        ParameterValue::Int8(value) => Box::new(value),
        ParameterValue::Int16(value) => Box::new(value),
        ParameterValue::Int32(value) => Box::new(value),
        ParameterValue::Int64(value) => Box::new(value),
        ParameterValue::Floating32(value) => Box::new(value),
        ParameterValue::Floating64(value) => Box::new(value),
        ParameterValue::Str(value) => Box::new(value),
        ParameterValue::Binary(value) => Box::new(value),
        ParameterValue::Date((year, month, day)) => Box::new(date(year, month, day)?),
        ParameterValue::Time((hour, minute, second, nanosecond)) => {
            Box::new(time(hour, minute, second, nanosecond)?)
        }
        ParameterValue::Datetime((year, month, day, hour, minute, second, nanosecond)) => {
            let date = date(year, month, day)?;
            let time = time(hour, minute, second, nanosecond)?;
            Box::new(NaiveDateTime::new(date, time))
        }
        ParameterValue::Timestamp(seconds) => {
            let time: Option<DateTime<Utc>> = DateTime::from_timestamp(seconds, 0);
            Box::new(time.with_context(|| format!("invalid timestamp {seconds}"))?)
        }
        ParameterValue::Uuid(text) => {
            Box::new(Uuid::parse_str(&text).with_context(|| format!("invalid UUID {text}"))?)
        }
        ParameterValue::Jsonb(bytes) => {
            let value: serde_json::Value =
                serde_json::from_slice(&bytes).context("invalid JSON")?;
            Box::new(value)
        }
        ParameterValue::Decimal(text) => Box::new(decimal(&text)?),
        ParameterValue::RangeInt32((lower, upper)) => Box::new(range(lower, upper)),
        ParameterValue::RangeInt64((lower, upper)) => Box::new(range(lower, upper)),
        ParameterValue::RangeDecimal((lower, upper)) => {
            let bound = |bound: Option<(String, RangeBoundKind)>| -> Result<_> {
                bound
                    .map(|(text, kind)| Ok((Bound(decimal(&text)?), kind)))
                    .transpose()
            };
            Box::new(range(bound(lower)?, bound(upper)?))
        }
        ParameterValue::ArrayInt32(values) => Box::new(values),
        ParameterValue::ArrayInt64(values) => Box::new(values),
        ParameterValue::ArrayDecimal(values) => {
            let values = values
                .into_iter()
                .map(|text| text.map(|text| decimal(&text)).transpose());
            Box::new(values.collect::<Result<Vec<_>>>()?)
        }
        ParameterValue::ArrayStr(values) => Box::new(values),
        ParameterValue::Interval(value) => Box::new(Interval(value)),
        ParameterValue::DbNull => Box::new(Null),
    })
}

fn date(year: i32, month: u8, day: u8) -> Result<NaiveDate> {
    NaiveDate::from_ymd_opt(year, month.into(), day.into())
        .with_context(|| format!("invalid date {year}-{month}-{day}"))
}

fn time(hour: u8, minute: u8, second: u8, nanosecond: u32) -> Result<NaiveTime> {
    NaiveTime::from_hms_nano_opt(hour.into(), minute.into(), second.into(), nanosecond)
        .with_context(|| format!("invalid time {hour}:{minute}:{second}.{nanosecond:09}"))
}

fn decimal(text: &str) -> Result<Decimal> {
    Decimal::from_str_exact(text).with_context(|| format!("invalid decimal {text}"))
}

fn range<T: Normalizable + PartialOrd>(
    lower: Option<(T, RangeBoundKind)>,
    upper: Option<(T, RangeBoundKind)>,
) -> Range<T> {
    Range::new(lower.map(bound), upper.map(bound))
}

fn bound<S: BoundSided, T: PartialOrd>((value, kind): (T, RangeBoundKind)) -> RangeBound<S, T> {
    let kind = match kind {
        RangeBoundKind::Inclusive => BoundType::Inclusive,
        RangeBoundKind::Exclusive => BoundType::Exclusive,
    };
    RangeBound::new(value, kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_with_values_that_are_not_valid_fails() {
        for value in [
            ParameterValue::Date((2026, 2, 30)),
            ParameterValue::Time((24, 0, 0, 0)),
            ParameterValue::Datetime((2026, 13, 1, 0, 0, 0, 0)),
            ParameterValue::Timestamp(i64::MAX),
            ParameterValue::Uuid("no UUID".to_owned()),
            ParameterValue::Jsonb(b"{".to_vec()),
            ParameterValue::Decimal("1.x".to_owned()),
            ParameterValue::ArrayDecimal(vec![None, Some(String::new())]),
            ParameterValue::RangeDecimal((Some(("x".to_owned(), RangeBoundKind::Inclusive)), None)),
        ] {
            let text = format!("{value:?}");
            assert!(all(vec![value]).is_err(), "{text}");
        }
    }
}
