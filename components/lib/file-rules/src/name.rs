//! File names: any Unicode, no path, no control characters, at most 255 bytes.

/// Longest name, in bytes: what file systems take.
pub const MAX_BYTES: usize = 255;
/// The name of a file without one.
pub const DEFAULT: &str = "file";
/// Longest extension that is kept when a name is shortened, in bytes with the period.
const MAX_EXTENSION: usize = 16;

/// Names that Windows reserves for devices, with any extension.
const DEVICES: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8",
    "com9", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// The name that a client gave, as it is stored: its last path segment without control characters and
/// marks that change the direction of text, shortened to [`MAX_BYTES`]. [`DEFAULT`] if nothing is left.
pub fn clean(given: &str) -> String {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept: String = last.chars().filter(|c| !is_invisible(*c)).collect();
    // A period or a space at the end is dropped by some file systems.
    let mut name = kept.trim().trim_end_matches(['.', ' ']).to_owned();
    if name.chars().all(|c| c == '.') {
        return DEFAULT.to_owned();
    }
    let stem = name.split('.').next().unwrap_or_default().trim();
    if DEVICES.contains(&stem.to_ascii_lowercase().as_str()) {
        name.insert(0, '_');
    }
    shorten(name)
}

/// Control characters, line separators, and marks that change the direction of text or show nothing.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

fn shorten(name: String) -> String {
    if name.len() <= MAX_BYTES {
        return name;
    }
    let extension = match name.rsplit_once('.') {
        Some((_, rest)) if rest.len() < MAX_EXTENSION => format!(".{rest}"),
        _ => String::new(),
    };
    let room = MAX_BYTES.saturating_sub(extension.len());
    let mut stem = String::new();
    for c in name.chars() {
        if stem.len().saturating_add(c.len_utf8()) > room {
            break;
        }
        stem.push(c);
    }
    stem + &extension
}

/// The extension of a name in lower case, without the period. Empty if there is none.
pub fn extension(name: &str) -> String {
    match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => extension.to_ascii_lowercase(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn clean_removes_paths_and_what_cannot_be_seen() {
        for (given, cleaned) in [
            ("photo.jpg", "photo.jpg"),
            ("../../x", "x"),
            ("C:\\Users\\ada\\my file.txt", "my file.txt"),
            ("a/b/", DEFAULT),
            ("", DEFAULT),
            ("..", DEFAULT),
            (" . ", DEFAULT),
            ("a\0b\r\nc.txt", "abc.txt"),
            ("invoice\u{202e}gpj.exe", "invoicegpj.exe"),
            ("\u{feff}año \u{1f600}.png", "año \u{1f600}.png"),
            ("CON", "_CON"),
            ("con.txt", "_con.txt"),
            ("LPT1.tar.gz", "_LPT1.tar.gz"),
            ("console.txt", "console.txt"),
            ("name. . ", "name"),
        ] {
            assert_eq!(clean(given), cleaned, "{given:?}");
        }
    }

    #[test]
    fn clean_of_a_long_name_keeps_its_extension() {
        let cleaned = clean(&format!("{}.jpeg", "é".repeat(300)));
        assert!(cleaned.len() <= MAX_BYTES && cleaned.ends_with("é.jpeg"));
        let cleaned = clean(&format!("a.{}", "b".repeat(300)));
        assert_eq!(cleaned.len(), MAX_BYTES);
    }

    #[test]
    fn extension_is_in_lower_case() {
        assert_eq!(extension("a.b.JPG"), "jpg");
        assert_eq!(extension(".profile"), "");
        assert_eq!(extension("name"), "");
    }

    proptest! {
        #[test]
        fn clean_of_any_text_is_a_safe_name_and_stays_the_same(given in any::<String>()) {
            let cleaned = clean(&given);
            prop_assert!((1..=MAX_BYTES).contains(&cleaned.len()));
            let is_clean = !cleaned.contains(['/', '\\', '\0', '\n', '\r', '\u{202e}']);
            prop_assert!(is_clean);
            prop_assert!(cleaned != "." && cleaned != "..");
            prop_assert_eq!(clean(&cleaned), cleaned);
        }
    }
}
