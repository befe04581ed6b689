//! Ids of events.

use std::fmt;

/// The id of an event: its number, and what numbers belong to. As text it is `<epoch>-<number>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventId {
    /// Another one means that the numbers began again.
    pub epoch: String,
    /// Within the stream.
    pub number: u64,
}

impl EventId {
    /// An id of a client. None if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (epoch, number) = text.rsplit_once('-')?;
        let is_epoch = (1..=32).contains(&epoch.len())
            && epoch.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let number = number.parse().ok()?;
        is_epoch.then(|| Self {
            epoch: epoch.to_owned(),
            number,
        })
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_reads_what_display_writes_and_nothing_else() {
        let id = EventId {
            epoch: "0a1b".to_owned(),
            number: 7,
        };
        assert_eq!(id.to_string(), "0a1b-7");
        assert_eq!(EventId::parse("0a1b-7"), Some(id));
        for bad in [
            "",
            "-7",
            "7",
            "a-",
            "a--7x",
            "a b-7",
            "a-18446744073709551616",
        ] {
            assert_eq!(EventId::parse(bad), None, "{bad}");
        }
    }
}
