//! Offsets: positions as text, which is ordered like the positions.

use contracts::streams::types::Position;

/// Digits of each number.
const DIGITS: usize = 16;

/// A position as text.
pub(crate) fn format(position: Position) -> String {
    format!("{:016}_{:016}", position.appends, position.bytes)
}

/// The position of a text that [`format`] has made. None for other text.
pub(crate) fn parse(text: &str) -> Option<Position> {
    let (appends, bytes) = text.split_once('_')?;
    Some(Position {
        appends: number(appends)?,
        bytes: number(bytes)?,
    })
}

fn number(text: &str) -> Option<u64> {
    let is_number = text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_takes_what_format_makes_and_nothing_else() {
        let position = Position {
            appends: 12,
            bytes: 3456,
        };
        let text = format(position);
        assert_eq!(text, "0000000000000012_0000000000003456");
        let parsed = parse(&text).unwrap();
        assert_eq!((parsed.appends, parsed.bytes), (12, 3456));
        for other in [
            "",
            "-1",
            "now",
            "12_34",
            "0000000000000012",
            "0000000000000012_000000000000345x",
            "+000000000000012_0000000000003456",
            "0000000000000012_0000000000003456 ",
        ] {
            assert!(parse(other).is_none(), "{other}");
        }
    }

    #[test]
    fn texts_are_ordered_like_their_positions() {
        let text = |appends, bytes| format(Position { appends, bytes });
        assert!(text(9, 99) < text(10, 100));
        assert!(text(0, 0) < text(1, 1));
    }
}
