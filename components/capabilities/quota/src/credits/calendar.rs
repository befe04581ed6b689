//! Days and months, in UTC.

use time::{Date, Month, OffsetDateTime, Time};

const DAY_MS: u64 = 86_400_000;

/// The day of a time: days since 1970-01-01.
pub(crate) fn day_of(at: u64) -> u32 {
    u32::try_from(at / DAY_MS).unwrap_or(u32::MAX)
}

/// The month of a time: months since the year 0.
pub(crate) fn month_of(at: u64) -> u32 {
    let date = date_of(day_of(at));
    let year = u32::try_from(date.year()).unwrap_or(0);
    year.saturating_mul(12)
        .saturating_add(u32::from(u8::from(date.month())))
        .saturating_sub(1)
}

/// When the month after that of `at` begins, in milliseconds since the epoch.
pub(crate) fn next_month(at: u64) -> u64 {
    let date = date_of(day_of(at));
    let year = match date.month() {
        Month::December => date.year().saturating_add(1),
        _ => date.year(),
    };
    Date::from_calendar_date(year, date.month().next(), 1)
        .ok()
        .map(|date| OffsetDateTime::new_utc(date, Time::MIDNIGHT).unix_timestamp())
        .and_then(|seconds| u64::try_from(seconds).ok())
        .map_or(at, |seconds| seconds.saturating_mul(1000))
}

/// `YYYY-MM-DD`.
pub(crate) fn text_of(day: u32) -> String {
    let date = date_of(day);
    let month = u8::from(date.month());
    format!("{:04}-{month:02}-{:02}", date.year(), date.day())
}

/// Days beyond the calendar's, which only a wrong clock gives, count as its last day.
fn date_of(day: u32) -> Date {
    let seconds = i64::from(day).saturating_mul(86_400);
    OffsetDateTime::from_unix_timestamp(seconds).map_or(Date::MAX, OffsetDateTime::date)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 2028-02-29T23:59:59.999Z
    const LEAP_DAY_ENDS: u64 = 1_835_481_599_999;

    #[test]
    fn month_of_the_end_of_a_leap_day_ends_in_utc() {
        assert_eq!(text_of(day_of(LEAP_DAY_ENDS)), "2028-02-29");
        assert_eq!(text_of(day_of(LEAP_DAY_ENDS + 1)), "2028-03-01");
        assert_eq!(month_of(LEAP_DAY_ENDS) + 1, month_of(LEAP_DAY_ENDS + 1));
        assert_eq!(next_month(LEAP_DAY_ENDS), LEAP_DAY_ENDS + 1);
        assert_eq!(text_of(day_of(0)), "1970-01-01");
    }

    proptest! {
        #[test]
        fn next_month_of_any_time_is_the_month_after(at: u64) {
            let then = next_month(at);
            if at < 253_000_000_000_000 {
                prop_assert!(then > at);
                prop_assert_eq!(month_of(then), month_of(at) + 1);
                prop_assert_eq!(month_of(then - 1), month_of(at));
            }
            prop_assert_eq!(text_of(day_of(at)).len(), 10);
        }
    }
}
