//! Types that the client library lacks.

use bytes::{Buf as _, BufMut as _, BytesMut};
use postgres_range::{BoundSided, Normalizable, RangeBound};
use rust_decimal::Decimal;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::bindings::spin::postgres::postgres::Interval as WitInterval;

type Failure = Box<dyn std::error::Error + Sync + Send>;

/// NULL as a value of any type.
#[derive(Debug)]
pub(super) struct Null;

impl ToSql for Null {
    fn to_sql(&self, _: &Type, _: &mut BytesMut) -> Result<IsNull, Failure> {
        Ok(IsNull::Yes)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// The bytes of a value of any type, as PostgreSQL sends them.
pub(super) struct Raw(pub(super) Vec<u8>);

impl FromSql<'_> for Raw {
    fn from_sql(_: &Type, raw: &[u8]) -> Result<Self, Failure> {
        Ok(Self(raw.to_owned()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// `interval`: microseconds, days and months.
#[derive(Debug)]
pub(super) struct Interval(pub(super) WitInterval);

impl ToSql for Interval {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        out.put_i64(self.0.micros);
        out.put_i32(self.0.days);
        out.put_i32(self.0.months);
        Ok(IsNull::No)
    }

    fn accepts(r#type: &Type) -> bool {
        *r#type == Type::INTERVAL
    }

    to_sql_checked!();
}

impl FromSql<'_> for Interval {
    fn from_sql(_: &Type, mut raw: &[u8]) -> Result<Self, Failure> {
        if raw.len() != 16 {
            return Err("an interval is not 16 bytes long".into());
        }
        Ok(Self(WitInterval {
            micros: raw.get_i64(),
            days: raw.get_i32(),
            months: raw.get_i32(),
        }))
    }

    fn accepts(r#type: &Type) -> bool {
        *r#type == Type::INTERVAL
    }
}

/// A decimal as a bound of a range.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) struct Bound(pub(super) Decimal);

impl ToSql for Bound {
    fn to_sql(&self, r#type: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        self.0.to_sql(r#type, out)
    }

    fn accepts(r#type: &Type) -> bool {
        <Decimal as ToSql>::accepts(r#type)
    }

    to_sql_checked!();
}

impl FromSql<'_> for Bound {
    fn from_sql(r#type: &Type, raw: &[u8]) -> Result<Self, Failure> {
        Decimal::from_sql(r#type, raw).map(Self)
    }

    fn accepts(r#type: &Type) -> bool {
        <Decimal as FromSql<'_>>::accepts(r#type)
    }
}

impl Normalizable for Bound {
    fn normalize<S: BoundSided>(bound: RangeBound<S, Self>) -> RangeBound<S, Self> {
        bound
    }
}
