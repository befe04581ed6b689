//! The expiry of a stream, in headers.

use contracts::streams::types::Expiry;
use http_edge::rfc3339;

/// Longest time in which a stream is not used, in seconds: a hundred years.
const MAX_SECONDS: u64 = 3_155_760_000;

/// An expiry of a time without use in seconds, or of a time in milliseconds since the epoch.
pub(crate) fn of(seconds: Option<u64>, time: Option<u64>) -> Option<Expiry> {
    match (seconds, time) {
        (Some(seconds), _) => Some(Expiry::Idle(seconds.min(MAX_SECONDS))),
        (None, Some(time)) => Some(Expiry::At(time)),
        (None, None) => None,
    }
}

/// The value of `Stream-TTL`: digits without a sign or a leading zero.
pub(crate) fn parse_ttl(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_canonical = text == "0" || !text.starts_with('0');
    (is_number && is_canonical)
        .then(|| text.parse().ok())
        .flatten()
}

/// The header that says when a stream expires.
pub(crate) fn header(expiry: Expiry) -> Option<(&'static str, String)> {
    match expiry {
        Expiry::Never => None,
        Expiry::Idle(seconds) => Some(("stream-ttl", seconds.to_string())),
        Expiry::At(time) => Some(("stream-expires-at", rfc3339(time))),
    }
}

/// A time of RFC 3339 in milliseconds since the epoch. None for other text and for times before the epoch.
pub(crate) fn parse_time(text: &str) -> Option<u64> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let zone_start = rest.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = rest.split_at_checked(zone_start)?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    let is_valid = (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour <= 23
        && minute <= 59
        && second <= 60
        && !fraction.is_empty()
        && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if !is_valid {
        return None;
    }
    let milliseconds: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let seconds = days_since_epoch(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second
        - zone_offset(zone)?;
    u64::try_from(seconds * 1000 + milliseconds).ok()
}

/// Numbers of fixed lengths between separators.
fn numbers(text: &str, separator: char, lengths: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; 3];
    for (number, length) in numbers.iter_mut().zip(lengths) {
        let part = parts.next()?;
        let is_number = part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
        *number = is_number.then(|| part.parse().ok()).flatten()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// `Z`, or `+hh:mm` in seconds.
fn zone_offset(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, rest) = zone.split_at_checked(1)?;
    let [hours, minutes, _] = numbers(&format!("{rest}:00"), ':', [2, 2, 2])?;
    let is_valid = hours <= 23 && minutes <= 59;
    let seconds = hours * 3600 + minutes * 60;
    is_valid.then_some(if sign == "-" { -seconds } else { seconds })
}

fn days_in(year: i64, month: i64) -> i64 {
    let is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the Gregorian calendar: years begin in March, so that a leap day is the last of its year.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_time_takes_rfc_3339_and_nothing_else() {
        assert_eq!(parse_time("1970-01-01T00:00:00Z"), Some(0));
        let time = Some(1_771_581_600_007);
        assert_eq!(parse_time("2026-02-20T10:00:00.007Z"), time);
        assert_eq!(parse_time("2026-02-20T12:30:00.0079+02:30"), time);
        assert_eq!(parse_time("2026-02-19t23:00:00.007-11:00"), time);
        assert_eq!(parse_time("2024-02-29T00:00:00Z"), Some(1_709_164_800_000));
        for other in [
            "",
            "soon",
            "1771581600",
            "2026-02-20",
            "2026-02-30T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-02-20T24:00:00Z",
            "2026-02-20T10:00:00",
            "2026-02-20T10:00:00.Z",
            "2026-02-20T10:00:00+25:00",
            "1969-12-31T23:59:59Z",
        ] {
            assert_eq!(parse_time(other), None, "{other}");
        }
    }

    #[test]
    fn parse_ttl_takes_digits_only() {
        assert_eq!(parse_ttl("0"), Some(0));
        assert_eq!(parse_ttl("3600"), Some(3600));
        for other in [
            "",
            "-1",
            "+1",
            "01",
            "1.5",
            "1e3",
            " 1",
            "99999999999999999999",
        ] {
            assert_eq!(parse_ttl(other), None, "{other}");
        }
    }
}
