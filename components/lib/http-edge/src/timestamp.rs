//! Times as text.

use time::{OffsetDateTime, macros::format_description};

/// Milliseconds since the epoch as `2026-02-20T10:00:00.000Z` (RFC 3339), as JavaScript writes it.
/// Times beyond the year 9999 become the epoch.
pub fn rfc3339(milliseconds: u64) -> String {
    let format =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
        .format(format)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::rfc3339;

    #[test]
    fn as_javascript_writes_it() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(1_771_581_600_007), "2026-02-20T10:00:00.007Z");
        assert_eq!(rfc3339(u64::MAX), "1970-01-01T00:00:00.000Z");
    }
}
