//! How often something is sent while a model is silent.

use std::time::Duration;

use spin_sdk::variables;

/// The default of the variable, in seconds.
const DEFAULT: u64 = 15;

/// Silence after which something is sent, so that proxies keep the connection open (variable
/// `stream_keepalive_seconds`); none if the variable is 0.
pub async fn keep_alive_interval() -> Option<Duration> {
    let value = variables::get("stream_keepalive_seconds").await;
    parse(&value.unwrap_or_default())
}

fn parse(value: &str) -> Option<Duration> {
    let seconds = value.trim().parse().unwrap_or(DEFAULT);
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_zero_is_off_and_nonsense_the_default() {
        assert_eq!(parse("0"), None);
        assert_eq!(parse(" 3 "), Some(Duration::from_secs(3)));
        for nonsense in ["", "-1", "soon"] {
            assert_eq!(parse(nonsense), Some(Duration::from_secs(DEFAULT)));
        }
    }
}
