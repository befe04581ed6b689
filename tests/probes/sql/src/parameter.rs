//! Parameters of statements as JSON.

use serde::Deserialize;
use spin_sdk::pg::{Interval, ParameterValue, RangeBoundKind};
use spin_sdk::sqlite::Value;

/// A bound of a range: its value, and whether that is part of the range.
type Bound<T> = Option<(T, bool)>;

/// A value of either database.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Parameter {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
    Boolean(bool),
    Int8(i8),
    Int16(i16),
    Int32(i32),
    Float32(f32),
    Date(i32, u8, u8),
    Time(u8, u8, u8, u32),
    Datetime(i32, u8, u8, u8, u8, u8, u32),
    Timestamp(i64),
    Uuid(String),
    Jsonb(String),
    Decimal(String),
    RangeInt32(Bound<i32>, Bound<i32>),
    RangeInt64(Bound<i64>, Bound<i64>),
    RangeDecimal(Bound<String>, Bound<String>),
    ArrayInt32(Vec<Option<i32>>),
    ArrayInt64(Vec<Option<i64>>),
    ArrayDecimal(Vec<Option<String>>),
    ArrayText(Vec<Option<String>>),
    Interval(i64, i32, i32),
}

pub(crate) fn sqlite(parameters: Vec<Parameter>) -> Result<Vec<Value>, String> {
    let values = parameters.into_iter().map(|parameter| {
        Ok(match parameter {
            Parameter::Null => Value::Null,
            Parameter::Integer(value) => Value::Integer(value),
            Parameter::Real(value) => Value::Real(value),
            Parameter::Text(value) => Value::Text(value),
            Parameter::Blob(value) => Value::Blob(value),
            other => return Err(format!("SQLite has no {other:?}")),
        })
    });
    values.collect()
}

pub(crate) fn postgres(parameters: Vec<Parameter>) -> Result<Vec<ParameterValue>, String> {
    let values = parameters.into_iter().map(|parameter| match parameter {
        Parameter::Null => ParameterValue::DbNull,
        Parameter::Integer(value) => ParameterValue::Int64(value),
        Parameter::Real(value) => ParameterValue::Floating64(value),
        Parameter::Text(value) => ParameterValue::Str(value),
        Parameter::Blob(value) => ParameterValue::Binary(value),
        Parameter::Boolean(value) => ParameterValue::Boolean(value),
        Parameter::Int8(value) => ParameterValue::Int8(value),
        Parameter::Int16(value) => ParameterValue::Int16(value),
        Parameter::Int32(value) => ParameterValue::Int32(value),
        Parameter::Float32(value) => ParameterValue::Floating32(value),
        Parameter::Date(year, month, day) => ParameterValue::Date((year, month, day)),
        Parameter::Time(hour, minute, second, nanosecond) => {
            ParameterValue::Time((hour, minute, second, nanosecond))
        }
        Parameter::Datetime(year, month, day, hour, minute, second, nanosecond) => {
            ParameterValue::Datetime((year, month, day, hour, minute, second, nanosecond))
        }
        Parameter::Timestamp(seconds) => ParameterValue::Timestamp(seconds),
        Parameter::Uuid(value) => ParameterValue::Uuid(value),
        Parameter::Jsonb(value) => ParameterValue::Jsonb(value.into_bytes()),
        Parameter::Decimal(value) => ParameterValue::Decimal(value),
        Parameter::RangeInt32(lower, upper) => {
            ParameterValue::RangeInt32((lower.map(bound), upper.map(bound)))
        }
        Parameter::RangeInt64(lower, upper) => {
            ParameterValue::RangeInt64((lower.map(bound), upper.map(bound)))
        }
        Parameter::RangeDecimal(lower, upper) => {
            ParameterValue::RangeDecimal((lower.map(bound), upper.map(bound)))
        }
        Parameter::ArrayInt32(values) => ParameterValue::ArrayInt32(values),
        Parameter::ArrayInt64(values) => ParameterValue::ArrayInt64(values),
        Parameter::ArrayDecimal(values) => ParameterValue::ArrayDecimal(values),
        Parameter::ArrayText(values) => ParameterValue::ArrayStr(values),
        Parameter::Interval(micros, days, months) => ParameterValue::Interval(Interval {
            micros,
            days,
            months,
        }),
    });
    Ok(values.collect())
}

fn bound<T>((value, inclusive): (T, bool)) -> (T, RangeBoundKind) {
    let kind = match inclusive {
        true => RangeBoundKind::Inclusive,
        false => RangeBoundKind::Exclusive,
    };
    (value, kind)
}
