//! The id of an event on a stream: a position in each thing that is followed, so that the stream resumes exactly.

/// Positions in the order in which things are followed: the feed, the threads, the channels. None: it is not followed
/// any more. As text it is `<epoch>-<number>.<number>.x`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) epoch: String,
    pub(crate) numbers: Vec<Option<u64>>,
}

impl Cursor {
    /// A cursor of a client. None if it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (epoch, numbers) = text.split_once('-')?;
        let is_epoch = (1..=32).contains(&epoch.len())
            && epoch.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let numbers = numbers.split('.').map(|number| match number {
            "x" => Some(None),
            number => number.parse().ok().map(Some),
        });
        let numbers = numbers.collect::<Option<Vec<_>>>()?;
        is_epoch.then(|| Self {
            epoch: epoch.to_owned(),
            numbers,
        })
    }

    pub(crate) fn text(&self) -> String {
        let numbers = self.numbers.iter().map(|number| match number {
            Some(number) => number.to_string(),
            None => "x".to_owned(),
        });
        format!("{}-{}", self.epoch, numbers.collect::<Vec<_>>().join("."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_reads_what_text_writes_and_nothing_else() {
        let cursor = Cursor {
            epoch: "0a1b".to_owned(),
            numbers: vec![Some(0), None, Some(17)],
        };
        assert_eq!(cursor.text(), "0a1b-0.x.17");
        assert_eq!(Cursor::parse("0a1b-0.x.17"), Some(cursor));
        for bad in [
            "",
            "a",
            "a-",
            "-1",
            "a-1.",
            "a-1.y",
            "é-1",
            "a-18446744073709551616",
        ] {
            assert_eq!(Cursor::parse(bad), None, "{bad}");
        }
    }
}
