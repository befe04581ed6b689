//! Columns and values of rows, with the types that Spin gives them.

use anyhow::Result;
use chrono::{Datelike as _, NaiveDate, NaiveDateTime, NaiveTime, Timelike as _};
use postgres_range::{BoundSided, BoundType, Normalizable, Range, RangeBound};
use rust_decimal::Decimal;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};
use uuid::Uuid;

use super::types::{Bound, Interval, Raw};
use crate::bindings::spin::postgres::postgres::{Column, DbDataType, DbValue, RangeBoundKind};

pub(super) fn columns(row: &Row) -> Vec<Column> {
    let columns = row.columns().iter().map(|column| Column {
        name: column.name().to_owned(),
        data_type: data_type(column.type_()),
    });
    columns.collect()
}

fn data_type(r#type: &Type) -> DbDataType {
    match *r#type {
        Type::BOOL => DbDataType::Boolean,
        Type::BYTEA => DbDataType::Binary,
        Type::FLOAT4 => DbDataType::Floating32,
        Type::FLOAT8 => DbDataType::Floating64,
        Type::INT2 => DbDataType::Int16,
        Type::INT4 => DbDataType::Int32,
        Type::INT8 => DbDataType::Int64,
        Type::TEXT | Type::VARCHAR | Type::BPCHAR => DbDataType::Str,
        Type::TIMESTAMP | Type::TIMESTAMPTZ => DbDataType::Datetime,
        Type::DATE => DbDataType::Date,
        Type::TIME => DbDataType::Time,
        Type::UUID => DbDataType::Uuid,
        Type::JSONB => DbDataType::Jsonb,
        Type::NUMERIC => DbDataType::Decimal,
        Type::INT4_RANGE => DbDataType::RangeInt32,
        Type::INT8_RANGE => DbDataType::RangeInt64,
        Type::NUM_RANGE => DbDataType::RangeDecimal,
        Type::INT4_ARRAY => DbDataType::ArrayInt32,
        Type::INT8_ARRAY => DbDataType::ArrayInt64,
        Type::NUMERIC_ARRAY => DbDataType::ArrayDecimal,
        Type::TEXT_ARRAY | Type::VARCHAR_ARRAY | Type::BPCHAR_ARRAY => DbDataType::ArrayStr,
        Type::INTERVAL => DbDataType::Interval,
        _ => DbDataType::Other(r#type.name().to_owned()),
    }
}

/// The values of a row.
///
/// # Errors
/// If a value does not fit into its type. `timestamptz` never does, as in Spin.
pub(super) fn row(row: &Row) -> Result<Vec<DbValue>> {
    (0..row.len()).map(|index| value(row, index)).collect()
}

fn value(row: &Row, index: usize) -> Result<DbValue> {
    let Some(column) = row.columns().get(index) else {
        anyhow::bail!("no column {index}");
    };
    match *column.type_() {
        Type::BOOL => get(row, index, DbValue::Boolean),
        Type::BYTEA => get(row, index, DbValue::Binary),
        Type::FLOAT4 => get(row, index, DbValue::Floating32),
        Type::FLOAT8 => get(row, index, DbValue::Floating64),
        Type::INT2 => get(row, index, DbValue::Int16),
        Type::INT4 => get(row, index, DbValue::Int32),
        Type::INT8 => get(row, index, DbValue::Int64),
        Type::TEXT | Type::VARCHAR | Type::BPCHAR => get(row, index, DbValue::Str),
        Type::TIMESTAMP | Type::TIMESTAMPTZ => get(row, index, datetime),
        Type::DATE => get(row, index, date),
        Type::TIME => get(row, index, time),
        Type::UUID => get(row, index, |id: Uuid| DbValue::Uuid(id.to_string())),
        Type::JSONB => get(row, index, |json: serde_json::Value| {
            DbValue::Jsonb(json.to_string().into_bytes())
        }),
        Type::NUMERIC => get(row, index, |number: Decimal| {
            DbValue::Decimal(number.to_string())
        }),
        Type::INT4_RANGE => get(row, index, |range| {
            DbValue::RangeInt32(bounds(&range, |value: &i32| *value))
        }),
        Type::INT8_RANGE => get(row, index, |range| {
            DbValue::RangeInt64(bounds(&range, |value: &i64| *value))
        }),
        Type::NUM_RANGE => get(row, index, |range| {
            DbValue::RangeDecimal(bounds(&range, |value: &Bound| value.0.to_string()))
        }),
        Type::INT4_ARRAY => get(row, index, DbValue::ArrayInt32),
        Type::INT8_ARRAY => get(row, index, DbValue::ArrayInt64),
        Type::NUMERIC_ARRAY => get(row, index, |numbers: Vec<Option<Decimal>>| {
            let texts = numbers.iter().map(|number| number.map(|n| n.to_string()));
            DbValue::ArrayDecimal(texts.collect())
        }),
        Type::TEXT_ARRAY | Type::VARCHAR_ARRAY | Type::BPCHAR_ARRAY => {
            get(row, index, DbValue::ArrayStr)
        }
        Type::INTERVAL => get(row, index, |Interval(value)| DbValue::Interval(value)),
        _ => get(row, index, |Raw(bytes)| DbValue::Unsupported(bytes)),
    }
}

fn get<'a, T: FromSql<'a>>(
    row: &'a Row,
    index: usize,
    convert: impl FnOnce(T) -> DbValue,
) -> Result<DbValue> {
    let value: Option<T> = row.try_get(index)?;
    Ok(value.map_or(DbValue::DbNull, convert))
}

// Months, days, hours, minutes and seconds are below 256.

fn date(value: NaiveDate) -> DbValue {
    DbValue::Date((value.year(), value.month() as u8, value.day() as u8))
}

fn time(value: NaiveTime) -> DbValue {
    DbValue::Time((
        value.hour() as u8,
        value.minute() as u8,
        value.second() as u8,
        value.nanosecond(),
    ))
}

fn datetime(value: NaiveDateTime) -> DbValue {
    DbValue::Datetime((
        value.year(),
        value.month() as u8,
        value.day() as u8,
        value.hour() as u8,
        value.minute() as u8,
        value.second() as u8,
        value.nanosecond(),
    ))
}

type WitBound<T> = Option<(T, RangeBoundKind)>;

fn bounds<T: Normalizable + PartialOrd, U>(
    range: &Range<T>,
    convert: impl Fn(&T) -> U,
) -> (WitBound<U>, WitBound<U>) {
    fn bound<S: BoundSided, T, U>(
        bound: &RangeBound<S, T>,
        convert: impl Fn(&T) -> U,
    ) -> (U, RangeBoundKind) {
        let kind = match bound.type_ {
            BoundType::Inclusive => RangeBoundKind::Inclusive,
            BoundType::Exclusive => RangeBoundKind::Exclusive,
        };
        (convert(&bound.value), kind)
    }
    (
        range.lower().map(|lower| bound(lower, &convert)),
        range.upper().map(|upper| bound(upper, &convert)),
    )
}

/// Bytes that a row takes in the host, as Spin counts them.
pub(super) fn memory_size(row: &[DbValue]) -> usize {
    let sizes = row.iter().map(|value| {
        let content = match value {
            DbValue::Str(text) | DbValue::Uuid(text) | DbValue::Decimal(text) => text.len(),
            DbValue::Jsonb(bytes) | DbValue::Binary(bytes) | DbValue::Unsupported(bytes) => {
                bytes.len()
            }
            DbValue::ArrayInt32(values) => size_of::<Option<i32>>() * values.len(),
            DbValue::ArrayInt64(values) => size_of::<Option<i64>>() * values.len(),
            DbValue::ArrayDecimal(texts) | DbValue::ArrayStr(texts) => {
                let lengths = texts
                    .iter()
                    .map(|text| text.as_ref().map_or(0, String::len));
                size_of::<Option<String>>() * texts.len() + lengths.sum::<usize>()
            }
            _ => 0,
        };
        size_of::<DbValue>() + content
    });
    sizes.sum()
}
